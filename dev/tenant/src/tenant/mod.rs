//! The public interface: starting the servers, reading and changing their state.

mod changes;

use std::{collections::HashMap, fmt, sync::Arc};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    directory::{
        Directory, Urls, app_registration::AppRegistration, managed_identity::ManagedIdentity, person::Person,
        setup::Setup,
    },
    endpoint::{Endpoint, Service},
    server::{
        Port, Server,
        faults::Faults,
        request_log::{LoggedRequest, RequestLog},
        tls::Tls,
    },
    tokens::{
        ServiceAccountToken, azure_cli, graph_token,
        plan::{LIFETIME, TokenPlan},
    },
    variety::Variety,
};

/// How and where to listen. The default is plain HTTP, on a free port for each service.
#[derive(Clone, Copy, Debug, Default)]
pub struct TenantOptions {
    /// The protocol.
    pub wire: Wire,
    /// A seed, by which answers take every form that the documentation and the standards allow: unknown members in any
    /// order, odd pieces, other spellings. `None`: always the same form. The seed is printed, so that a failure can be
    /// repeated.
    pub variety: Option<u64>,
    /// The port of the Entra login host; 0 for a free one.
    pub entra_port: u16,
    /// The port of Microsoft Graph; 0 for a free one.
    pub graph_port: u16,
    /// The port of the key vault; 0 for a free one.
    pub vault_port: u16,
    /// The port of the platform, which always speaks plain HTTP; 0 for a free one.
    pub platform_port: u16,
}

/// The protocol between clients and servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    /// HTTP/1.1 without TLS.
    #[default]
    Http,
    /// TLS with HTTP/2 or HTTP/1.1, whichever the client prefers, with certificates of [`Tenant::authority_pem`].
    Https,
}

impl Wire {
    fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The credentials of a confidential client. There is no `Debug`, since they include a secret.
#[derive(Clone)]
pub struct ClientCredentials {
    /// The client id, a GUID.
    pub client_id: String,
    /// The client secret.
    pub client_secret: String,
}

/// The ids of a managed identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedIdentityInfo {
    /// The client id.
    pub client_id: String,
    /// The object id of its service principal: the subject of its tokens.
    pub principal_id: String,
    /// The id in Azure Resource Manager.
    pub resource_id: String,
}

/// The running servers. They stop, and close their connections, when this is dropped.
pub struct Tenant {
    pub(crate) directory: Arc<Directory>,
    faults: Arc<Faults>,
    pub(crate) requests: Arc<RequestLog>,
    tls: Option<Arc<Tls>>,
    /// Dropping the set aborts the servers.
    _servers: JoinSet<()>,
}

impl Tenant {
    /// Starts the servers on the loopback interface, with new keys, identifiers and secrets.
    ///
    /// # Errors
    /// When a port is taken.
    pub async fn start(options: TenantOptions) -> Result<Self> {
        Self::start_with(options, Setup::default()).await
    }

    /// The same, with what a configuration file adds. Its ports do not count: `options` has them.
    ///
    /// # Errors
    /// When a port is taken.
    pub async fn start_with(options: TenantOptions, setup: Setup) -> Result<Self> {
        let scheme = options.wire.scheme();
        let entra = listen("the Entra login host", options.entra_port)?;
        let graph = listen("Microsoft Graph", options.graph_port)?;
        let vault = listen("the key vault", options.vault_port)?;
        let url = |(port, _): &(Port, TcpListener)| format!("{scheme}://{}", port.address());
        let platform = listen("the platform", options.platform_port)?;
        let urls = Urls {
            authority: url(&entra),
            graph: url(&graph),
            vault: url(&vault),
            platform: format!("http://{}", platform.0.address()),
        };
        let tls = (options.wire == Wire::Https).then(Tls::generate).transpose()?.map(Arc::new);
        if let Some(seed) = options.variety {
            eprintln!("the emulated tenant varies its answers by the seed {seed}");
        }
        let variety = options.variety.map(Variety::new);
        let directory = tokio::task::spawn_blocking(|| Directory::new(urls, variety, setup))
            .await
            .context("the preparation of the emulated tenant panicked")??;
        let (directory, faults, requests) =
            (Arc::new(directory), Arc::<Faults>::default(), Arc::<RequestLog>::default());
        let mut servers = JoinSet::new();
        for ((port, listener), service, tls) in [
            (entra, Service::Entra, tls.clone()),
            (graph, Service::Graph, tls.clone()),
            (vault, Service::KeyVault, tls.clone()),
            (platform, Service::Platform, None),
        ] {
            let server = Server {
                service,
                directory: Arc::clone(&directory),
                faults: Arc::clone(&faults),
                requests: Arc::clone(&requests),
                tls,
            };
            servers.spawn(server.serve(port, listener));
        }
        Ok(Self { directory, faults, requests, tls, _servers: servers })
    }

    /// The certificate of the authority that signed those of the servers, as a PEM text; `None` where they speak plain
    /// HTTP.
    pub fn authority_pem(&self) -> Option<&str> {
        self.tls.as_ref().map(|tls| tls.authority_pem.as_str())
    }

    /// The Entra login host: `http://127.0.0.1:PORT`, or `https:` by [`TenantOptions::wire`].
    pub fn authority_url(&self) -> &str {
        &self.directory.urls.authority
    }

    /// The base URL of Microsoft Graph.
    pub fn graph_url(&self) -> &str {
        &self.directory.urls.graph
    }

    /// The base URL of the key vault.
    pub fn vault_url(&self) -> &str {
        &self.directory.urls.vault
    }

    /// The platform: `http://127.0.0.1:PORT`.
    pub fn platform_url(&self) -> &str {
        &self.directory.urls.platform
    }

    /// The directory id, a GUID.
    pub fn tenant_id(&self) -> &str {
        &self.directory.tenant_id
    }

    /// The id of a second directory, in which the API may be used too. `otto` lives there.
    pub fn other_tenant_id(&self) -> &str {
        &self.directory.other_tenant_id
    }

    /// The client id of the API, a GUID.
    pub fn client_id(&self) -> &str {
        &self.directory.api.client_id
    }

    /// The client id in the tokens of [`access_token`](Self::access_token) (`azp` or `appid`): the single-page
    /// application's.
    pub fn caller_client_id(&self) -> &str {
        self.spa_client_id()
    }

    /// The web application, a confidential client that signs people in and may call the API. The vault has its
    /// secret as `appclientsecret`.
    pub fn web_client(&self) -> ClientCredentials {
        credentials(&self.directory.web_client)
    }

    /// The client id of the single-page application, a public client that signs people in and may call the API.
    pub fn spa_client_id(&self) -> &str {
        &self.directory.spa_client.client_id
    }

    /// The client secret of the API that Entra accepts now. The vault has it as `clientsecret`.
    pub fn client_secret(&self) -> String {
        self.directory.api.secret()
    }

    /// The identity that reads the vault, for `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`. Entra does not know it as
    /// the API.
    pub fn vault_identity(&self) -> ClientCredentials {
        credentials(&self.directory.vault_reader)
    }

    /// Everyone in the directory, `otto` of the other one, and `paula`, who has a personal Microsoft account.
    pub fn people(&self) -> &[Person] {
        &self.directory.people
    }

    /// The person called `name`.
    ///
    /// # Errors
    /// When there is none; the error lists the names there are.
    pub fn person(&self, name: &str) -> Result<&Person> {
        let people = self.people();
        if let Some(person) = people.iter().find(|person| person.name == name) {
            return Ok(person);
        }
        let names: Vec<_> = people.iter().map(|person| person.name.as_str()).collect();
        bail!("there is no person called {name:?} in the emulated tenant; choose one of {}", names.join(", "))
    }

    /// The administrator, who is not among the [`people`](Self::people).
    pub fn administrator(&self) -> &Person {
        &self.directory.administrator
    }

    /// Adds `count` ordinary members, who are on no list: a crowd for measurements.
    pub fn add_members(&self, count: usize) -> Vec<Person> {
        self.directory.add_members(count)
    }

    /// An access token for the API, after `change` broke or altered it. Without a change it is valid.
    pub fn access_token(&self, person: &Person, change: impl FnOnce(&mut TokenPlan)) -> String {
        self.sign(TokenPlan::for_person(&self.directory, person), change)
    }

    /// An app-only token for the API, as a daemon gets it: on-behalf-of cannot work with it.
    pub fn app_only_token(&self, change: impl FnOnce(&mut TokenPlan)) -> String {
        self.sign(TokenPlan::app_only(&self.directory, &self.directory.api), change)
    }

    /// An id token whose audience is the API: not meant to be sent to an API at all.
    pub fn id_token(&self, person: &Person, change: impl FnOnce(&mut TokenPlan)) -> String {
        self.sign(TokenPlan::id_token(&self.directory, person, self.client_id()), change)
    }

    /// A token for Microsoft Graph. Its header has a `nonce`: only Graph can verify it.
    pub fn graph_token(&self, person: &Person) -> String {
        let serial = self.directory.sessions.issue();
        let claims = graph_token::claims(&self.directory.api, person, "User.Read", LIFETIME, serial);
        graph_token::sign(&self.directory, &claims)
    }

    /// The token for Microsoft Graph that the Azure CLI gets for `person` after `az login`.
    pub fn azure_cli_graph_token(&self, person: &Person) -> String {
        azure_cli::sign_for_graph(&self.directory, person)
    }

    /// The token for the key vault that the Azure CLI gets for `person` after `az login`.
    pub fn azure_cli_vault_token(&self, person: &Person) -> String {
        azure_cli::sign_for_vault(&self.directory, person)
    }

    /// A program, as a shell script, that answers as the Azure CLI does after `az login` of `person`: the cloud, whose
    /// addresses are those of this tenant, and tokens for Graph and for the vault.
    pub fn azure_cli_program(&self, person: &Person) -> String {
        azure_cli::program(&self.directory, person)
    }

    /// The issuer of the cluster's tokens, with a slash at its end.
    pub fn cluster_issuer(&self) -> &str {
        &self.directory.workload.cluster.issuer
    }

    /// A token of a service account of the cluster, after `change` broke or altered it. Without a change it is valid for
    /// an hour, and for the exchange at Entra.
    pub fn service_account_token(
        &self,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut ServiceAccountToken),
    ) -> String {
        let mut token = ServiceAccountToken::new(&self.directory, namespace, name);
        change(&mut token);
        token.sign(&self.directory)
    }

    /// The managed identity that belongs to the machine itself.
    pub fn system_assigned_identity(&self) -> ManagedIdentityInfo {
        self.identity(&self.directory.workload.system_assigned)
    }

    /// The managed identity that was assigned to the machine.
    pub fn user_assigned_identity(&self) -> ManagedIdentityInfo {
        self.identity(&self.directory.workload.user_assigned)
    }

    fn identity(&self, identity: &ManagedIdentity) -> ManagedIdentityInfo {
        ManagedIdentityInfo {
            client_id: identity.client.client_id.clone(),
            principal_id: identity.client.service_principal_id.clone(),
            resource_id: identity.resource_id.clone(),
        }
    }

    /// The variables that App Service gives to applications with a managed identity: `IDENTITY_ENDPOINT` and
    /// `IDENTITY_HEADER`.
    pub fn identity_variables(&self) -> [(&'static str, String); 2] {
        [
            ("IDENTITY_ENDPOINT", format!("{}/msi/token", self.platform_url())),
            ("IDENTITY_HEADER", self.directory.workload.identity_header.clone()),
        ]
    }

    fn sign(&self, mut plan: TokenPlan, change: impl FnOnce(&mut TokenPlan)) -> String {
        change(&mut plan);
        plan.sign(&self.directory)
    }

    /// The faults, to be set and cleared.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Every request received so far, in order of arrival.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.requests.requests()
    }

    /// Every request received since the last time, which are then forgotten.
    pub fn take_requests(&self) -> Vec<LoggedRequest> {
        self.requests.take()
    }

    /// Forgets the requests received so far.
    pub fn clear_requests(&self) {
        self.requests.clear();
    }

    /// How many requests were received so far, by endpoint.
    pub fn request_counts(&self) -> HashMap<Endpoint, u64> {
        self.requests.counts()
    }

    /// Keeps nothing of requests from now on but their number: for measurements, which make many.
    pub fn count_requests_only(&self) {
        self.requests.keep(0);
    }

    /// How many Graph tokens were issued so far.
    pub fn exchanges(&self) -> u64 {
        self.directory.sessions.issued()
    }

    /// The claims challenge that a token of `mona` must fulfil, as JSON.
    pub fn second_factor_challenge(&self) -> Value {
        self.directory.second_factor_challenge()
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant")
            .field("authority_url", &self.authority_url())
            .field("graph_url", &self.graph_url())
            .field("vault_url", &self.vault_url())
            .finish_non_exhaustive()
    }
}

fn credentials(application: &AppRegistration) -> ClientCredentials {
    ClientCredentials { client_id: application.client_id.clone(), client_secret: application.secret() }
}

pub(crate) fn listen(name: &str, port: u16) -> Result<(Port, TcpListener)> {
    Port::take(port).and_then(|port| port.listen().map(|listener| (port, listener))).with_context(|| {
        format!("cannot listen on port {port} for {name}; stop the program that uses it or choose another port")
    })
}
