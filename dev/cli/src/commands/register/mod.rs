//! `cargo dev register`

mod applications;
mod consents;
mod credentials;
mod scope;

use std::{
    io::{Write, stderr, stdout},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result};
use clap::Args;
use uuid::Uuid;

use crate::{
    progress::Progress,
    registration::{
        Tools,
        application::Application,
        azure_cli::{AccessToken, Cloud},
        removal,
        runtime_config::RuntimeConfig,
        session::{Service, Session},
        vault::{self, Vault},
    },
    workspace,
};

/// The name of the API's secret in the vault.
const API_SECRET: &str = "clientsecret";
/// The name of the sign-in app's secret in the vault.
const APP_SECRET: &str = "appclientsecret";
/// The name of the secret that seals the sign-in app's sessions.
const SESSION_SECRET: &str = "sessionsecret";

/// Register the API and the sign-in app in a Microsoft Entra tenant, and write their runtime configurations.
///
/// Needs the Azure CLI, signed in with `az login`, and curl. Creates what is missing, changes what differs, keeps what
/// others added, and can be repeated: a second run changes nothing. Prints each request that changes something, but no
/// secret. docs/deployment.md says which roles it needs.
#[derive(Args, Debug)]
pub struct Register {
    /// Print each request and what it would change, but send none.
    #[arg(long)]
    dry_run: bool,
    /// The directory: its id or domain. Default: the Azure CLI's current one.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// Which registration: the applications have the unique names NAME-api and NAME-app.
    #[arg(long, value_name = "NAME", default_value = "profile-get", value_parser = name)]
    name: String,
    /// Consent for everyone in the directory.
    #[arg(long)]
    consent: bool,
    /// The key vault into which client secrets go: its name or address. Without a vault, no secrets are created.
    #[arg(long, value_name = "VAULT")]
    vault: Option<String>,
    /// Replace the secrets in the vault, even if they still work.
    #[arg(long, requires = "vault")]
    rotate: bool,
    /// Register the certificate in this PEM file for the API, instead of a secret.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Register a federated credential: instead of a secret, the API uses tokens of this issuer for this subject.
    #[arg(long, num_args = 2, value_names = ["ISSUER", "SUBJECT"], conflicts_with = "certificate")]
    federated: Option<Vec<String>>,
    /// Another application that may call the API without consent. Can be repeated.
    #[arg(long = "client", value_name = "CLIENT ID")]
    clients: Vec<Uuid>,
    /// A page to which Entra sends people after they consent to the API. Default: the sign-in app.
    #[arg(long, value_name = "URL", value_parser = web_address)]
    redirect_uri: Option<String>,
    /// Where browsers find the sign-in app.
    #[arg(long, value_name = "URL", default_value = "http://localhost:3001", value_parser = web_address)]
    app_url: String,
    /// Where the sign-in app finds the API.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000", value_parser = web_address)]
    api_url: String,
    /// Register the API only.
    #[arg(long)]
    no_app: bool,
    /// The folder in which to write runtime-config.local.toml and app/runtime-config.local.toml. Default: this repository.
    #[arg(long, value_name = "FOLDER", default_value_os_t = workspace::root().to_owned(), hide_default_value = true)]
    output: PathBuf,
    /// Change the lines of existing files that differ.
    #[arg(long)]
    overwrite: bool,
    /// Print the runtime configurations instead of writing them. Everything else goes to standard error.
    #[arg(long, conflicts_with = "overwrite")]
    print: bool,
    /// Delete the applications, and what this command put into the vault.
    #[arg(long, conflicts_with_all = ["consent", "rotate", "certificate", "federated", "clients", "overwrite", "print"])]
    delete: bool,
    /// How long to wait for new objects and roles to take effect.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    wait: u64,
}

/// What was registered.
struct Registered {
    api: Application,
    app: Option<Application>,
}

impl Register {
    /// Registers, and reports on standard output.
    ///
    /// # Errors
    /// If nobody is signed in, or a service refuses a request. The error says what to do.
    pub async fn run(self, progress: Progress) -> Result<ExitCode> {
        self.run_with(&Tools::default(), &mut stdout(), progress).await?;
        Ok(ExitCode::SUCCESS)
    }

    /// The same with other tools, and with a report to `output`.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_with(&self, tools: &Tools, output: &mut dyn Write, progress: Progress) -> Result<()> {
        if !self.print {
            return self.report(tools, output, progress).await.map(drop);
        }
        for config in self.report(tools, &mut stderr(), progress).await? {
            write!(output, "# {}\n{}\n", config.file.display(), config.completed_template().await?)?;
        }
        Ok(())
    }

    async fn report(&self, tools: &Tools, report: &mut dyn Write, progress: Progress) -> Result<Vec<RuntimeConfig>> {
        let cloud = Cloud::current(&tools.az).await?;
        let vault_url = self.vault.as_deref().map(|name| vault::address(&cloud, name)).transpose()?;
        let token = AccessToken::for_graph(&tools.az, self.tenant.as_deref()).await?;
        let session = Session::new(tools, self.dry_run, Duration::from_secs(self.wait), progress, report);
        let graph = Service { session: &session, base: format!("{}/v1.0", cloud.graph()), token };
        let vault = match &vault_url {
            Some(url) => Some(Vault::open(&session, &cloud, &graph.token.tenant, url).await?),
            None => None,
        };
        session.report(&format!("Directory {}", graph.token.tenant))?;
        let done = match self.delete {
            true => self.remove(&graph, vault.as_ref()).await.map(|()| None),
            false => self.register(&graph, vault.as_ref(), &cloud).await.map(Some),
        };
        let registered = done.with_context(|| match session.changes() {
            0 => "nothing was changed".to_owned(),
            changes => format!("requests sent before: {changes}. Run the command again to continue"),
        })?;
        let configs = registered.as_ref().map(|it| self.runtime_configs(&cloud, &graph.token.tenant, it, vault_url));
        let configs = configs.unwrap_or_default();
        for config in configs.iter().filter(|_| !self.print) {
            config.write(&session, self.overwrite).await?;
        }
        session.report(&match (session.changes(), self.dry_run) {
            (0, _) => "Nothing to change in directory and vault.".to_owned(),
            (changes, true) => format!("Requests that would be sent: {changes}. Nothing was changed."),
            (changes, false) => format!("Requests sent: {changes}."),
        })?;
        if let Some(registered) = &registered {
            session.report(&format!("Client id of the API: {}", registered.api.client_id))?;
            if let Some(app) = &registered.app {
                session.report(&format!("Client id of the sign-in app: {}", app.client_id))?;
            }
        }
        Ok(configs)
    }

    async fn remove(&self, graph: &Service<'_>, vault: Option<&Vault<'_>>) -> Result<()> {
        if !self.no_app {
            removal::remove(graph, vault, &self.app_name(), &[APP_SECRET, SESSION_SECRET]).await?;
        }
        removal::remove(graph, vault, &self.api_name(), &[API_SECRET]).await
    }

    async fn register<'s>(&self, graph: &Service<'s>, vault: Option<&Vault<'s>>, cloud: &Cloud) -> Result<Registered> {
        let mut registered = self.register_applications(graph).await?;
        self.install(graph, cloud, &registered).await?;
        self.ensure_credentials(graph, vault, cloud, &mut registered).await?;
        Ok(registered)
    }

    fn api_name(&self) -> String {
        format!("{}-api", self.name)
    }

    fn app_name(&self) -> String {
        format!("{}-app", self.name)
    }

    fn app_url(&self) -> &str {
        self.app_url.trim_end_matches('/')
    }

    fn redirect_uri(&self) -> String {
        self.redirect_uri.clone().unwrap_or_else(|| format!("{}/", self.app_url()))
    }

    fn runtime_configs(
        &self,
        cloud: &Cloud,
        tenant: &str,
        registered: &Registered,
        vault_url: Option<String>,
    ) -> Vec<RuntimeConfig> {
        let client_id = &registered.api.client_id;
        let common = [("tenant_id", tenant), ("authority_host", cloud.authority())];
        let common = common.map(|(name, value)| (name, value.to_owned()));
        let mut api = RuntimeConfig::new(workspace::runtime_config(), &self.output);
        api.values.extend(common.clone());
        api.values.push(("client_id", client_id.clone()));
        api.values.push(("graph_url", cloud.graph().to_owned()));
        if !cloud.is_global() {
            api.values.push(("graph_scopes", format!("{}/User.Read", cloud.graph())));
        }
        match self.federated.as_deref() {
            Some([issuer, _]) => {
                let is_entra = *issuer == format!("{}/{tenant}/v2.0", cloud.authority());
                let credential = if is_entra { "managed_identity" } else { "token_file" };
                api.values.push(("client_credential", credential.to_owned()));
                // Spin would ask it for a secret all the same.
                api.vault_url = Some(String::new());
            }
            _ => {
                if vault_url.is_some() || self.certificate.is_some() {
                    api.values.push(("client_credential", "clientsecret".to_owned()));
                }
                api.vault_url.clone_from(&vault_url);
            }
        }
        let mut configs = vec![api];
        if let Some(registered) = &registered.app {
            let mut app =
                RuntimeConfig::new(workspace::root().join("app/runtime-config.toml"), &self.output.join("app"));
            app.values.extend(common);
            app.values.push(("app_client_id", registered.client_id.clone()));
            app.values.push(("api_client_id", client_id.clone()));
            app.values.push(("app_url", self.app_url().to_owned()));
            app.values.push(("api_url", self.api_url.trim_end_matches('/').to_owned()));
            app.vault_url = vault_url;
            configs.push(app);
        }
        configs
    }
}

/// A part of unique names, which appear in paths.
fn name(text: &str) -> Result<String, String> {
    let is_fit = (1..=50).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    is_fit.then(|| text.to_owned()).ok_or_else(|| "use 1 to 50 letters, digits and hyphens".to_owned())
}

/// An address that Entra registers.
fn web_address(text: &str) -> Result<String, String> {
    let is_loopback = |prefix: &str| {
        text.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(':') || rest.starts_with('/'))
    };
    let is_fit = text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        || is_loopback("http://localhost")
        || is_loopback("http://127.0.0.1");
    is_fit.then(|| text.to_owned()).ok_or_else(|| "use https, or http on localhost".to_owned())
}
