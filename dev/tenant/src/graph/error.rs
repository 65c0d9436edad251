//! Graph's error answers: <https://learn.microsoft.com/graph/errors>.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, Method, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    directory::well_known::GRAPH_CLIENT_ID,
    random, time,
    tokens::graph_token::{CALLER_LOCATION, LOCATION_CLAIM},
    wire::{self, IncomingRequest, ResponseBody},
};

const AUTHORIZATION_URI: &str = "https://login.microsoftonline.com/common/oauth2/authorize";

/// Why a call is refused.
pub(super) struct GraphError {
    status: StatusCode,
    code: &'static str,
    message: String,
    authenticate: Option<String>,
    retry_after: Option<&'static str>,
    /// A code and a property.
    detail: Option<(&'static str, &'static str)>,
}

impl GraphError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), authenticate: None, retry_after: None, detail: None }
    }

    /// 401: the token is not accepted. The header has neither an error nor claims.
    pub(super) fn unauthenticated(message: &str) -> Self {
        Self {
            authenticate: Some(format!("{}, {}", bearer_challenge(), pop_challenge())),
            ..Self::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message)
        }
    }

    /// 401: Entra has to check the client's location first. One header line has two challenges.
    pub(super) fn location_challenge() -> Self {
        let message = "Continuous access evaluation asks where the client is before it lets this call pass.";
        let claims = claims(&json!({
            "nbf": {"essential": true, "value": time::now().to_string()},
            LOCATION_CLAIM: {"value": CALLER_LOCATION},
        }));
        let header = format!(
            "{}, error_description=\"{message}\", error=\"insufficient_claims\", claims=\"{claims}\", {}",
            bearer_challenge(),
            pop_challenge()
        );
        Self { authenticate: Some(header), ..Self::unauthenticated(message) }
    }

    /// 401: the token was issued before its person was signed out everywhere. In the form of 2022, a parameter is not
    /// quoted although it is no token (RFC 9110 section 11.2).
    pub(super) fn session_revoked() -> Self {
        let message = "Continuous access evaluation found that the token is older than the end of its session.";
        let claims = claims(&json!({"nbf": {"essential": true, "value": time::now().to_string()}}));
        let header = format!(
            "Bearer realm=\"\", authorization_uri={AUTHORIZATION_URI}, client_id=\"{GRAPH_CLIENT_ID}\", \
             error=\"insufficient_claims\", claims=\"{claims}\", errorDescription=\"{message}\""
        );
        Self { authenticate: Some(header), ..Self::unauthenticated(message) }
    }

    pub(super) fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Authorization_RequestDenied",
            "The privileges are not sufficient for this operation.",
        )
    }

    /// 400: the service in front of the directory does not understand the request.
    pub(super) fn invalid_request(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 400: the directory does not accept the request.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message)
    }

    /// 400: a property has a value that it cannot have.
    pub(super) fn invalid_value(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidValue", message)
    }

    /// 400: another object has the same value.
    pub(super) fn object_conflict(property: &'static str) -> Self {
        Self::bad_request(format!("Another object has the same value for the property '{property}'."))
            .detail("ObjectConflict", property)
    }

    /// 409: there is such an object already.
    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue", message)
    }

    pub(super) fn not_found(id: &str) -> Self {
        let message = format!("There is no resource '{id}', nor an object that it refers to.");
        Self::new(StatusCode::NOT_FOUND, "Request_ResourceNotFound", message)
    }

    pub(super) fn method_not_allowed(method: &Method) -> Self {
        let message = format!("The emulated Graph does not accept {method} here.");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Request_BadRequest", message)
    }

    pub(super) fn unknown_path(incoming: &IncomingRequest) -> Self {
        Self::invalid_request(&format!("The path {} is not one of the emulated Graph's.", incoming.uri.path()))
    }

    /// What exactly is wrong: a code, and the property that it is about.
    pub(super) fn detail(mut self, code: &'static str, property: &'static str) -> Self {
        self.detail = Some((code, property));
        self
    }

    pub(super) fn retry_after(mut self, seconds: &'static str) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(super) fn into_response(self, incoming: &IncomingRequest) -> Response<ResponseBody> {
        let request_id = random::guid();
        let mut body = json!({
            "error": {
                "code": self.code,
                "message": self.message,
                "innerError": {
                    "date": time::graph_date(),
                    "request-id": request_id,
                    "client-request-id": client_request_id(incoming).unwrap_or(&request_id),
                },
            },
        });
        if let (Some((code, target)), Some(error)) = (self.detail, body.get_mut("error").and_then(Value::as_object_mut))
        {
            let details = json!([{"code": code, "message": self.message, "target": target}]);
            error.insert("details".into(), details);
        }
        let mut response = wire::response(self.status, "application/json", "");
        *response.body_mut() = wire::chunked(body.to_string());
        wire::set_header(&mut response, HeaderName::from_static("request-id"), &request_id);
        if let Some(challenge) = self.authenticate {
            wire::set_header(&mut response, header::WWW_AUTHENTICATE, &challenge);
        }
        if let Some(seconds) = self.retry_after {
            wire::set_header(&mut response, header::RETRY_AFTER, seconds);
        }
        response
    }
}

fn bearer_challenge() -> String {
    format!("Bearer realm=\"\", authorization_uri=\"{AUTHORIZATION_URI}\", client_id=\"{GRAPH_CLIENT_ID}\"")
}

/// The challenge to prove possession of a key. Its nonce has some 450 characters.
fn pop_challenge() -> String {
    let nonce: String = (0..20).map(|_| random::token_id()).collect();
    format!(
        "PoP realm=\"\", authorization_uri=\"{AUTHORIZATION_URI}\", client_id=\"{GRAPH_CLIENT_ID}\", nonce=\"{nonce}\""
    )
}

/// A claims request for the access token, as challenges carry it.
fn claims(access_token: &Value) -> String {
    STANDARD.encode(json!({"access_token": access_token}).to_string())
}

/// The id by which the client calls this request, if it sent a GUID.
fn client_request_id(incoming: &IncomingRequest) -> Option<&str> {
    incoming.header("client-request-id").filter(|id| uuid::Uuid::parse_str(id).is_ok())
}

/// The headers of every answer.
pub(super) fn add_common_headers(response: &mut Response<ResponseBody>, incoming: &IncomingRequest) {
    const DIAGNOSTIC: &str =
        r#"{"ServerInfo":{"DataCenter":"Emulated","Slice":"E","Ring":"0","ScaleUnit":"0","RoleInstance":"EMULATED"}}"#;
    let request_id = match response.headers().get("request-id").and_then(|id| id.to_str().ok()) {
        Some(id) => id.to_owned(),
        None => random::guid(),
    };
    let client_id = client_request_id(incoming).unwrap_or(&request_id);
    wire::set_header(response, HeaderName::from_static("client-request-id"), client_id);
    wire::set_header(response, HeaderName::from_static("request-id"), &request_id);
    wire::set_header(response, HeaderName::from_static("x-ms-ags-diagnostic"), DIAGNOSTIC);
    wire::set_header(response, header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    // Responses with status 401 do not have it.
    let is_unauthorized = response.status() == StatusCode::UNAUTHORIZED;
    if !is_unauthorized && !response.headers().contains_key(header::CACHE_CONTROL) {
        wire::set_header(response, header::CACHE_CONTROL, "no-cache");
    }
}
