//! What the operator has set.

use std::time::Duration;

use http::HeaderValue;

use entra_obo::{
    ClientAuthentication, Downstream, Policy,
    host::Host,
    settings::{
        address,
        client_authentication::{self, CLIENT_CREDENTIAL, client_authentication, is_clientsecret},
        fault::SettingsFaults,
        policy::policy,
        reader::{Reader, list, number, on_or_off},
        scopes,
        source::Settings,
    },
    toolkit::Deadline,
};

/// The variable that is read first, since it bounds the reading of the others.
const REQUEST_TIMEOUT: &str = "request_timeout";

/// The names of the others, all of which `spin.toml` gives to the component. `client_secret` is read when it is needed, and
/// [`client_authentication::NAMES`] if there is none.
const NAMES: [&str; 13] = [
    "tenant_id",
    "client_id",
    CLIENT_CREDENTIAL,
    "application_id_uris",
    "authority_host",
    "graph_url",
    "required_scope",
    "graph_scopes",
    "allowed_tenants",
    "allowed_clients",
    "allowed_origins",
    "token_store_slots",
    "server_timing",
];

/// What the operator has set, checked.
#[derive(Debug, PartialEq, Eq)]
pub struct ApiSettings {
    /// Who may call.
    pub policy: Policy,
    /// How this API proves itself to Entra.
    pub client_authentication: ClientAuthentication,
    /// Microsoft Graph: where it is, and the scopes that are requested for it.
    pub graph: Downstream,
    /// The browser origins that may call.
    pub allowed_origins: Vec<HeaderValue>,
    /// The longest that one request may take.
    pub request_timeout: Duration,
    /// How many Graph tokens the shared store holds at most; zero keeps the store out of use.
    pub token_store_slots: u32,
    /// Whether responses have a `Server-Timing` header.
    pub server_timing: bool,
}

impl Settings for ApiSettings {
    async fn load<H: Host>(host: &H, begun: Duration, limit: Duration) -> Result<Self, SettingsFaults> {
        let mut reader = Reader::default();
        let by = Deadline::after(begun, limit);
        reader.load(host, &[REQUEST_TIMEOUT], by).await;
        let of_request = reader.value(REQUEST_TIMEOUT).and_then(|text| request_timeout(text).ok());
        let by = of_request.map_or(by, |of_request| Deadline::after(begun, limit.min(of_request)));
        reader.load(host, &NAMES, by).await;
        let is_clientsecret = is_clientsecret(&reader);
        if !is_clientsecret {
            reader.load(host, &client_authentication::NAMES, by).await;
        }
        let mut settings = parse(reader);
        if let Err(faults) = &mut settings
            && is_clientsecret
            && !faults.may_pass()
        {
            faults.add_fault_of_credential(host, by).await;
        }
        settings
    }
}

fn parse(mut reader: Reader) -> Result<ApiSettings, SettingsFaults> {
    let authority_host = reader.parse("authority_host", address::authority_host);
    let graph_url = reader.parse("graph_url", |text| address::graph_url(text, authority_host.as_deref()));
    let graph_scopes = reader.parse("graph_scopes", |text| scopes::of_graph(text, graph_url.as_deref()));
    let policy = policy(&mut reader, authority_host, graph_scopes.as_deref().unwrap_or_default());
    let client_authentication = client_authentication(&mut reader, policy.as_ref());
    let allowed_origins = reader.parse("allowed_origins", |text| list(text, address::browser_origin));
    let request_timeout = reader.parse(REQUEST_TIMEOUT, request_timeout);
    let token_store_slots = reader.parse("token_store_slots", |text| number(text, 0..=10_000_000));
    let server_timing = reader.parse("server_timing", on_or_off);
    let settings = || {
        let (mut policy, graph_url) = (policy?, graph_url?);
        policy.downstream_audiences = vec![graph_url.clone()];
        Some(ApiSettings {
            policy,
            client_authentication: client_authentication?,
            graph: Downstream::new(&graph_url, &graph_scopes?),
            allowed_origins: allowed_origins?,
            request_timeout: request_timeout?,
            token_store_slots: token_store_slots?,
            server_timing: server_timing?,
        })
    };
    let settings = settings();
    reader.finish(settings)
}

fn request_timeout(text: &str) -> Result<Duration, String> {
    number(text, 1..=120)
        .map(|seconds| Duration::from_secs(seconds.into()))
        .map_err(|fault| format!("{fault} (seconds)"))
}

#[cfg(test)]
mod tests;
