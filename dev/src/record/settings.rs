//! `record.toml`: the tenant to record.

use std::{
    collections::HashMap,
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, ensure};
use emulated_tenant::recording::{Role, TargetApi, TargetTenant, TargetVault};
use serde::Deserialize;
use url::{Host, Url};
use uuid::Uuid;

use super::azure_cli;

/// The template for a new file.
const TEMPLATE: &str = r#"
    tenant_id = "the directory id of a tenant for tests"
    domain = "a verified domain of that tenant"
    client_id = "the client id of the API's registration"       # may be left out, and all that follows

    [vault]
    url = "https://NAME.vault.azure.net"
    secret = "the name of a secret"
    disabled = "the name of a disabled secret"
    certificate = "the name of a certificate"

    [people]                     # whose configuration folder of the Azure CLI; an empty one is the usual
    ordinary = ""
"#;

/// The contents of the file and the environment. There is no `Debug`, since they contain secrets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The directory id.
    pub tenant_id: String,
    /// A verified domain of the directory.
    pub domain: String,
    /// The login host.
    #[serde(default = "authority_host")]
    pub authority_host: String,
    #[serde(default = "graph_url")]
    graph_url: String,
    client_id: Option<String>,
    /// The scope of the API for people's tokens. Default: its `user_impersonation`.
    scope: Option<String>,
    vault: Option<Vault>,
    /// By role, the Azure CLI's configuration folder in which the person is signed in.
    #[serde(default)]
    people: HashMap<String, PathBuf>,
    #[serde(skip)]
    environment: Environment,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vault {
    url: String,
    /// The identity that reads the vault. Default: the API's registration.
    client_id: Option<String>,
    secret: Option<String>,
    disabled: Option<String>,
    certificate: Option<String>,
}

/// What is not in the file: secrets, and the path of the Azure CLI.
#[derive(Default)]
pub(super) struct Environment {
    pub(super) client_secret: Option<String>,
    pub(super) expired_client_secret: Option<String>,
    pub(super) vault_client_secret: Option<String>,
    pub(super) expired_token: Option<String>,
    /// The Azure CLI, if it is not `az`.
    pub(super) az: Option<OsString>,
}

impl Environment {
    fn read() -> Self {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            client_secret: variable("RECORD_CLIENT_SECRET"),
            expired_client_secret: variable("RECORD_EXPIRED_CLIENT_SECRET"),
            vault_client_secret: variable("RECORD_VAULT_CLIENT_SECRET"),
            expired_token: variable("RECORD_EXPIRED_TOKEN"),
            az: env::var_os("AZ"),
        }
    }
}

impl Settings {
    /// Reads the file and the environment.
    ///
    /// # Errors
    /// If there is no file or it is incomplete. The error says what to write.
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| anyhow!("cannot read {}: {error}; write it like this:\n{TEMPLATE}", file.display()))?;
        let settings = Self::parse(&text).with_context(|| file.display().to_string())?;
        Ok(Self { environment: Environment::read(), ..settings })
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let settings: Self = toml::from_str(text).map_err(|error| {
            anyhow!(
                "{error}\nSecrets are in the environment, as RECORD_CLIENT_SECRET and so on, and the file is like \
                 this:\n{TEMPLATE}"
            )
        })?;
        settings.check()?;
        Ok(settings)
    }

    #[cfg(test)]
    pub(super) fn in_environment(self, environment: Environment) -> Self {
        Self { environment, ..self }
    }

    fn check(&self) -> Result<()> {
        let ids = [("tenant_id", Some(&self.tenant_id)), ("client_id", self.client_id.as_ref())];
        for (name, id) in ids {
            ensure!(id.is_none_or(|id| Uuid::try_parse(id).is_ok()), "{name} must be a GUID");
        }
        // An id or a word for all directories would prove nothing.
        let is_domain = self.domain.contains('.') && !self.domain.contains('/');
        ensure!(is_domain, "domain must be a verified domain of the tenant, such as contoso.onmicrosoft.com");
        let vault = self.vault.as_ref().map(|vault| ("vault.url", &vault.url));
        let urls = [("authority_host", &self.authority_host), ("graph_url", &self.graph_url)];
        for (name, url) in urls.into_iter().chain(vault) {
            ensure!(is_safe(url), "{name} must be an https URL without a slash at the end, or one of this machine");
        }
        for role in self.people.keys() {
            let names = Role::ALL.map(Role::name);
            ensure!(
                names.contains(&role.as_str()),
                "{role:?} is not a role of [people]: choose among {}",
                names.join(", ")
            );
        }
        Ok(())
    }

    /// The tenant in the form that scenarios need, with a token of each person.
    pub(super) async fn target(&self) -> Result<TargetTenant> {
        let scope = match (&self.scope, &self.client_id) {
            (Some(scope), _) => scope.clone(),
            (None, Some(client_id)) => format!("api://{client_id}/user_impersonation"),
            (None, None) => {
                ensure!(self.people.is_empty(), "[people] needs client_id: whose API they get tokens for");
                String::new()
            }
        };
        let mut people = HashMap::new();
        for role in Role::ALL {
            if let Some(configuration) = self.people.get(role.name()) {
                let program = self.environment.az.as_deref().unwrap_or_else(|| "az".as_ref());
                let token = azure_cli::access_token(program, configuration, &self.tenant_id, &scope).await;
                people.insert(role, token.with_context(|| format!("the person `{}` of [people]", role.name()))?);
            }
        }
        people.extend(self.environment.expired_token.clone().map(|token| (Role::Expired, token)));
        Ok(TargetTenant {
            authority_url: self.authority_host.clone(),
            graph_url: self.graph_url.clone(),
            tenant_id: self.tenant_id.clone(),
            domain: self.domain.clone(),
            registration: self.client_id.clone().map(|client_id| TargetApi {
                client_id,
                secret: self.environment.client_secret.clone(),
                expired_secret: self.environment.expired_client_secret.clone(),
            }),
            vault: self.vault.as_ref().map(|vault| TargetVault {
                url: vault.url.clone(),
                reader: self.vault_reader(vault),
                secret: vault.secret.clone(),
                disabled: vault.disabled.clone(),
                certificate: vault.certificate.clone(),
            }),
            people,
        })
    }

    fn vault_reader(&self, vault: &Vault) -> Option<(String, String)> {
        match &vault.client_id {
            Some(client_id) => Some((client_id.clone(), self.environment.vault_client_secret.clone()?)),
            None => Some((self.client_id.clone()?, self.environment.client_secret.clone()?)),
        }
    }
}

/// Whether secrets may be sent to it.
fn is_safe(url: &str) -> bool {
    let Ok(parsed) = Url::parse(url) else { return false };
    let is_own = match parsed.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    (parsed.scheme() == "https" || is_own) && parsed.path() == "/" && !url.ends_with('/')
}

fn authority_host() -> String {
    "https://login.microsoftonline.com".to_owned()
}

fn graph_url() -> String {
    "https://graph.microsoft.com".to_owned()
}
