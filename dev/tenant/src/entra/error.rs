//! Errors of the login host: <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>.

use http::{Response, StatusCode, header};
use serde_json::{Value, json};

use super::{request_ids::RequestIds, response_headers};
use crate::{
    jwt::object,
    wire::{self, IncomingRequest, ResponseBody},
};

/// Codes without `error_uri`: Entra's page has nothing about them.
const WITHOUT_PAGE: [u32; 3] = [65001, 70003, 700_038];

/// Why a request is refused.
pub(super) struct EntraError {
    status: StatusCode,
    /// The error of RFC 6749 section 5.2, or one of Entra's own.
    error: &'static str,
    /// The number after `AADSTS`.
    code: u32,
    message: String,
    suberror: Option<&'static str>,
    /// A claims challenge, which travels as a string.
    claims: Option<Value>,
    retry_after: Option<&'static str>,
}

impl EntraError {
    /// Status 400, or 401 for `invalid_client`.
    pub(super) fn new(error: &'static str, code: u32, message: impl Into<String>) -> Self {
        let status = match error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, error, code, message: message.into(), suberror: None, claims: None, retry_after: None }
    }

    pub(super) fn suberror(mut self, suberror: &'static str) -> Self {
        self.suberror = Some(suberror);
        self
    }

    pub(super) fn claims(mut self, claims: Value) -> Self {
        self.claims = Some(claims);
        self
    }

    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn retry_after(mut self, seconds: &'static str) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(super) fn unknown_tenant(tenant: &str) -> Self {
        Self::new(
            "invalid_tenant",
            90002,
            format!("There is no tenant '{tenant}' here. Check the tenant id and the cloud."),
        )
    }

    pub(super) fn unknown_application(client_id: &str) -> Self {
        if uuid::Uuid::parse_str(client_id).is_ok_and(|id| id.is_nil()) {
            let message = format!("{client_id} cannot be the identifier of an application.");
            return Self::new("unauthorized_client", 700_038, message);
        }
        let message = format!("There is no application with the identifier '{client_id}' in this directory.");
        Self::new("unauthorized_client", 700_016, message)
    }

    pub(super) fn session_revoked() -> Self {
        let message =
            "The grant was revoked and a fresh token is needed. The person may have changed or reset the password.";
        Self::new("invalid_grant", 50173, message).suberror("bad_token")
    }

    pub(super) fn missing_parameter(name: &str) -> Self {
        Self::new("invalid_request", 900144, format!("The request lacks the parameter '{name}'."))
    }

    /// The JSON answer, with this request's ids in body and headers.
    pub(super) fn into_response(self, incoming: &IncomingRequest) -> Response<ResponseBody> {
        let ids = RequestIds::of(incoming);
        let mut body = object(json!({
            "error": self.error,
            "error_description": self.description(&ids),
            "error_codes": [self.code],
            "timestamp": ids.timestamp,
            "trace_id": ids.trace_id,
            "correlation_id": ids.correlation_id,
        }));
        if let Some(uri) = self.uri() {
            body.insert("error_uri".into(), uri.into());
        }
        if let Some(suberror) = self.suberror {
            body.insert("suberror".into(), suberror.into());
        }
        if let Some(claims) = self.claims {
            body.insert("claims".into(), claims.to_string().into());
        }
        let mut response = wire::json_response(self.status, &Value::Object(body));
        response_headers::add_for_token(&mut response, incoming, &ids, self.code);
        if let Some(seconds) = self.retry_after {
            wire::set_header(&mut response, header::RETRY_AFTER, seconds);
        }
        response
    }
}

impl EntraError {
    /// The parameters of an error redirect (RFC 6749 section 4.1.2.1).
    pub(super) fn parameters(&self, incoming: &IncomingRequest) -> Vec<(&'static str, String)> {
        let mut parameters =
            vec![("error", self.error.to_owned()), ("error_description", self.description(&RequestIds::of(incoming)))];
        parameters.extend(self.uri().map(|uri| ("error_uri", uri)));
        parameters.extend(self.suberror.map(|suberror| ("suberror", suberror.to_owned())));
        parameters.extend(self.claims.as_ref().map(|claims| ("claims", claims.to_string())));
        parameters
    }

    /// The number after `AADSTS`, and the message.
    pub(super) fn code_and_message(&self) -> (u32, &str) {
        (self.code, &self.message)
    }

    fn description(&self, ids: &RequestIds) -> String {
        format!(
            "AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {}",
            self.code, self.message, ids.trace_id, ids.correlation_id, ids.timestamp
        )
    }

    fn uri(&self) -> Option<String> {
        let has_page = !WITHOUT_PAGE.contains(&self.code);
        has_page.then(|| format!("https://login.microsoftonline.com/error?code={}", self.code))
    }
}
