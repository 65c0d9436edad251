//! A managed identity of Azure, whose tokens the platform gives to programs on the same machine.
//!
//! - App Service and Container Apps: <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>
//! - Virtual machines: <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    credential::{
        fault::CredentialFault,
        federated_token::{FederatedToken, Provider},
    },
    deadline::Deadline,
    host::{Host, UnixTime},
    upstream::call::{self, FaultKind, Step, UpstreamFault},
};

/// The platform answers from its own cache, or asks Entra once. Where there is no platform, nothing answers.
const STEP: Step =
    Step { service: "managed identity", name: "token", timeout: Duration::from_secs(5), max_body: 64 * 1024 };

const IDENTITY_HEADER: HeaderName = HeaderName::from_static("x-identity-header");
const METADATA: HeaderName = HeaderName::from_static("metadata");

/// What federated credentials have as their audience in Microsoft's global cloud.
pub(crate) const GLOBAL_AUDIENCE: &str = "api://AzureADTokenExchange";

/// The longest that a token is kept. Those of managed identities live for a day.
const MAX_LIFE_SECONDS: u64 = 24 * 3600;

/// A managed identity: where its tokens come from, and which of the machine's identities it is. Entra accepts it as the
/// credential of an application of the same directory if it is user-assigned:
/// <https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedIdentity {
    endpoint: String,
    header: Option<HeaderValue>,
    client_id: Option<Uuid>,
    audience: &'static str,
}

impl ManagedIdentity {
    /// The identity of a virtual machine. `endpoint` is that of its metadata, `http://169.254.169.254`.
    #[must_use]
    pub fn of_machine(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), header: None, client_id: None, audience: GLOBAL_AUDIENCE }
    }

    /// The identity of an app on App Service or Container Apps: `IDENTITY_ENDPOINT` of its environment up to the port, and
    /// the value of `IDENTITY_HEADER`.
    #[must_use]
    pub fn of_app(endpoint: impl Into<String>, mut header: HeaderValue) -> Self {
        header.set_sensitive(true);
        Self { endpoint: endpoint.into(), header: Some(header), client_id: None, audience: GLOBAL_AUDIENCE }
    }

    /// The identity with this client id. Without one, the platform chooses.
    #[must_use]
    pub fn with_client_id(self, client_id: Option<Uuid>) -> Self {
        Self { client_id, ..self }
    }

    /// The identity in another cloud, where federated credentials have this audience: `api://AzureADTokenExchangeUSGov`,
    /// `api://AzureADTokenExchangeChina`.
    #[must_use]
    pub fn with_audience(self, audience: &'static str) -> Self {
        Self { audience, ..self }
    }

    /// A token for the exchange, and how long it is valid.
    pub(super) async fn token<H: Host>(
        &self,
        host: &H,
        deadline: Deadline,
    ) -> Result<(FederatedToken, Duration), CredentialFault> {
        let token = async {
            let request = self.request().map_err(|error| STEP.unusable(error.to_string()))?;
            let response = call::fetch(host, deadline, STEP, request).await?;
            self.parse(&response, host.now())
        };
        token.await.map_err(|fault| match fault.is_out_of_time() {
            true => CredentialFault::OutOfTime,
            false => CredentialFault::ManagedIdentity(fault),
        })
    }

    fn request(&self) -> http::Result<Request<Bytes>> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("resource", self.audience);
        let (path, version, name, value) = match &self.header {
            Some(header) => ("/msi/token", "2019-08-01", IDENTITY_HEADER, header.clone()),
            None => ("/metadata/identity/oauth2/token", "2018-02-01", METADATA, HeaderValue::from_static("true")),
        };
        query.append_pair("api-version", version);
        if let Some(client_id) = self.client_id {
            query.append_pair("client_id", &client_id.to_string());
        }
        Request::get(format!("{}{path}?{}", self.endpoint, query.finish())).header(name, value).body(Bytes::new())
    }

    /// What is in the platform's response.
    ///
    /// # Errors
    /// Why there is no token, in words for the log, which hold nothing of the response but a code of checked form.
    pub(crate) fn parse(
        &self,
        response: &Response<Bytes>,
        now: UnixTime,
    ) -> Result<(FederatedToken, Duration), UpstreamFault> {
        if response.status() != StatusCode::OK {
            return Err(self.refusal(response, now));
        }
        let foreign = || STEP.unusable("the response holds no token; check identity_endpoint");
        let members: Map<String, Value> = serde_json::from_slice(response.body()).map_err(|_| foreign())?;
        let text = members.get("access_token").and_then(Value::as_str).ok_or_else(foreign)?;
        let token = FederatedToken::parse(text.as_bytes(), Provider::ManagedIdentity)
            .map_err(|words| STEP.unusable(format!("its token {words}")))?;
        // The platform's word, but not beyond what the token itself says.
        let said = members.get("expires_on").and_then(seconds).map(UnixTime);
        let end = said.into_iter().chain(token.expires()).min().ok_or_else(foreign)?;
        Ok((token, Duration::from_secs(end.since(now).min(MAX_LIFE_SECONDS))))
    }

    /// What a response without a token means.
    ///
    /// <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling>
    fn refusal(&self, response: &Response<Bytes>, now: UnixTime) -> UpstreamFault {
        let status = response.status();
        let is_app = self.header.is_some();
        let remedy = match status.as_u16() {
            400 => {
                "see that the machine or app has the managed identity that identity_client_id names, or a system-assigned one"
            }
            401 | 403 => "set identity_header to the IDENTITY_HEADER of this app's environment",
            404 if is_app => "set identity_endpoint to the IDENTITY_ENDPOINT of this app's environment, up to the port",
            // Those of machines are being updated at the moment.
            404 | 410 | 429 | 500.. => {
                return STEP.fault(FaultKind::Unavailable(status, call::retry_after(response.headers(), now)));
            }
            _ => "check identity_endpoint and identity_header",
        };
        let error = error_code(response.body()).map(|code| format!(" {code}")).unwrap_or_default();
        STEP.unusable(format!("status {}{error}; {remedy}", status.as_u16()))
    }
}

/// Both platforms send seconds as strings.
fn seconds(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// `error` of the metadata service, if it has the form of a code.
fn error_code(body: &[u8]) -> Option<String> {
    let members: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let code = members.get("error")?.as_str()?;
    let is_code =
        (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_code.then(|| code.to_owned())
}
