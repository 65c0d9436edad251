//! What the operator has set.

mod downstream_apis;
mod gateway;

use std::{sync::Arc, time::Duration};

use http::HeaderValue;

use entra_obo::{
    ClientAuthentication, GLOBAL_AUTHORITY, Policy,
    host::Host,
    settings::{
        address,
        client_authentication::{CLIENT_CREDENTIAL, client_authentication, is_clientsecret},
        fault::SettingsFaults,
        policy::policy,
        reader::{Reader, list, number},
        source::Settings,
    },
    toolkit::Deadline,
};

pub(crate) use self::{
    downstream_apis::{DEFAULT, DownstreamApi},
    gateway::{ClaimHeader, GatewaySettings},
};

/// Settings that every manifest must have: the API's identity, and those that restrict who may call or what leaves the
/// component, because a misspelt name must not lift a restriction. `client_secret` is read when it is needed.
const REQUIRED: [&str; 5] = ["tenant_id", "client_id", "required_scope", "allowed_clients", "forward_authorization"];

/// Settings that a manifest may omit, and their defaults.
const DEFAULTS: [(&str, &str); 14] = [
    ("authority_host", GLOBAL_AUTHORITY),
    ("application_id_uris", ""),
    ("allowed_tenants", ""),
    ("allowed_origins", ""),
    ("token_store_slots", "65536"),
    ("request_timeout", "20"),
    ("downstream_apis", ""),
    ("application_tokens_for", ""),
    ("upstream", ""),
    ("public_paths", ""),
    ("claims_to_headers", ""),
    ("access_token_for", ""),
    ("public_url", ""),
    (CLIENT_CREDENTIAL, "clientsecret"),
];

/// The same for settings that matter only if the credential is not `clientsecret`.
const DEFAULTS_WITHOUT_SECRET: [(&str, &str); 4] = [
    ("federated_token_file", "/var/run/secrets/azure/tokens/azure-identity-token"),
    ("identity_endpoint", ""),
    ("identity_header", ""),
    ("identity_client_id", ""),
];

/// What the operator has set, checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EntraSettings {
    /// Who may call.
    pub(crate) policy: Policy,
    /// How the component proves itself to Entra.
    pub(crate) client_authentication: ClientAuthentication,
    /// The APIs for which tokens are available.
    pub(crate) downstream_apis: Vec<DownstreamApi>,
    /// The APIs for which the app can get application tokens, each with the scope that is requested for them.
    pub(crate) application_apis: Vec<DownstreamApi>,
    /// How requests from outside are forwarded; `None` if the component is only a sidecar.
    pub(crate) gateway: Option<Arc<GatewaySettings>>,
    /// The browser origins that may call.
    pub(crate) allowed_origins: Vec<HeaderValue>,
    /// The app's public address, if it differs from the host that callers address.
    pub(crate) public_url: Option<String>,
    /// The longest that validation and the exchange may take.
    pub(crate) request_timeout: Duration,
    /// How many tokens the shared store holds at most; zero keeps the store out of use.
    pub(crate) token_store_slots: u32,
}

impl EntraSettings {
    /// The API of this name, in any letter case, as in Microsoft's configuration.
    #[must_use]
    pub(crate) fn downstream_api(&self, name: &str) -> Option<&DownstreamApi> {
        find(&self.downstream_apis, name)
    }

    /// The same for tokens of the application itself.
    #[must_use]
    pub(crate) fn application_api(&self, name: &str) -> Option<&DownstreamApi> {
        find(&self.application_apis, name)
    }
}

fn find<'a>(apis: &'a [DownstreamApi], name: &str) -> Option<&'a DownstreamApi> {
    apis.iter().find(|api| api.name.eq_ignore_ascii_case(name))
}

impl Settings for EntraSettings {
    async fn load<H: Host>(host: &H, begun: Duration, limit: Duration) -> Result<Self, SettingsFaults> {
        let mut reader = Reader::default();
        let by = Deadline::after(begun, limit);
        reader.load(host, &REQUIRED, by).await;
        reader.load_optional(host, &DEFAULTS, by).await;
        let is_clientsecret = is_clientsecret(&reader);
        if !is_clientsecret {
            reader.load_optional(host, &DEFAULTS_WITHOUT_SECRET, by).await;
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

fn parse(mut reader: Reader) -> Result<EntraSettings, SettingsFaults> {
    let authority_host = reader.parse("authority_host", address::authority_host);
    // The only setting that may have line breaks.
    let downstream_apis = reader.parse_verbatim("downstream_apis", downstream_apis::parse);
    let application_apis = reader.parse("application_tokens_for", |text| match &downstream_apis {
        Some(apis) => list(text, |name| downstream_apis::of_application(apis, name)),
        // It has faults of its own.
        None => Ok(Vec::new()),
    });
    let scopes: Vec<&str> = downstream_apis.iter().flatten().map(|api| api.downstream.scopes()).collect();
    let policy = policy(&mut reader, authority_host, &scopes.join(" "));
    let client_authentication = client_authentication(&mut reader, policy.as_ref());
    let allowed_origins = reader.parse("allowed_origins", |text| list(text, address::browser_origin));
    let request_timeout = reader.parse("request_timeout", |text| {
        number(text, 1..=120)
            .map(|seconds| Duration::from_secs(seconds.into()))
            .map_err(|fault| format!("{fault} (seconds)"))
    });
    let token_store_slots = reader.parse("token_store_slots", |text| number(text, 0..=10_000_000));
    let gateway = gateway::read(&mut reader, downstream_apis.as_deref());
    let public_url = reader.parse("public_url", |text| match text {
        "" => Ok(None),
        text => address::service(text).map(Some),
    });
    let settings = || {
        let (mut policy, downstream_apis) = (policy?, downstream_apis?);
        policy.downstream_audiences = downstream_apis.iter().map(DownstreamApi::origin).collect();
        Some(EntraSettings {
            policy,
            client_authentication: client_authentication?,
            downstream_apis,
            application_apis: application_apis?,
            gateway: gateway?.map(Arc::new),
            allowed_origins: allowed_origins?,
            public_url: public_url?,
            request_timeout: request_timeout?,
            token_store_slots: token_store_slots?,
        })
    };
    let settings = settings();
    reader.finish(settings)
}
