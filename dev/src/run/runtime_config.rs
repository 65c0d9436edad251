//! The runtime configuration of a run: the project's own, with everything that belongs to a real tenant replaced.
//!
//! The chain of variable providers is the same as in production: plain values from the `static` provider, the secret
//! from Key Vault.

use std::{collections::BTreeMap, net::Ipv4Addr, path::Path};

use anyhow::{Context, Result, bail};
use emulated_tenant::Tenant;
use toml::{Table, Value};

/// The addresses of the emulated tenant, and what belongs to them.
#[derive(Debug)]
pub struct Endpoints {
    /// Values of the application's variables, by name.
    pub variables: BTreeMap<&'static str, String>,
    /// The vault that holds the secret.
    pub vault_url: String,
    /// The authority that the component trusts for them if they use TLS.
    pub client_tls: Option<Value>,
    /// What all instances share.
    pub store: KeyValueStore,
}

/// The key-value store that all instances share.
#[derive(Clone, Debug, Default)]
pub enum KeyValueStore {
    /// Spin's default.
    #[default]
    SqliteFile,
    /// Gone when the host ends.
    SqliteInMemory,
    /// The Redis at this URL.
    Redis(String),
}

impl Endpoints {
    /// The addresses of `tenant`, for plain HTTP.
    pub fn of(tenant: &Tenant) -> Self {
        Self {
            variables: BTreeMap::from([
                ("tenant_id", tenant.tenant_id().to_owned()),
                ("client_id", tenant.client_id().to_owned()),
                ("authority_host", tenant.authority_url().to_owned()),
                ("graph_url", tenant.graph_url().to_owned()),
            ]),
            vault_url: tenant.vault_url().to_owned(),
            client_tls: None,
            store: KeyValueStore::default(),
        }
    }
}

impl KeyValueStore {
    /// The stores of a runtime configuration, if there is anything to configure.
    fn table(&self) -> Option<Table> {
        let entries = match self {
            Self::SqliteFile => return None,
            Self::SqliteInMemory => vec![("type", "spin")],
            Self::Redis(url) => vec![("type", "redis"), ("url", url)],
        };
        let store: Table = entries.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
        Some(Table::from_iter([("default".to_owned(), Value::Table(store))]))
    }

    /// A runtime configuration that has nothing else, if there is anything to configure.
    pub(super) fn configuration(&self) -> Option<String> {
        Some(Table::from_iter([("key_value_store".to_owned(), Value::Table(self.table()?))]).to_string())
    }
}

/// `[[client_tls]]` that trusts only the authority of `file` for calls of `component` to this machine.
pub fn client_tls(component: &str, file: &Path) -> Value {
    let entry = Table::from_iter([
        ("component_ids".to_owned(), Value::Array(vec![component.into()])),
        ("hosts".to_owned(), Value::Array(vec![Ipv4Addr::LOCALHOST.to_string().into()])),
        ("ca_roots_file".to_owned(), file.to_string_lossy().into_owned().into()),
    ]);
    Value::Array(vec![entry.into()])
}

/// The environment in which Spin's Key Vault provider signs in as the application's own identity.
///
/// `[[client_tls]]` applies only to components. The provider trusts the system's authorities, which `SSL_CERT_FILE`
/// replaces.
pub fn vault_environment(tenant: &Tenant, authority_file: Option<&Path>) -> BTreeMap<String, String> {
    let identity = tenant.vault_identity();
    let trusted = authority_file.map(|file| ("SSL_CERT_FILE", file.to_string_lossy().into_owned()));
    let variables = [
        ("AZURE_AUTHORITY_HOST", tenant.authority_url().to_owned()),
        ("AZURE_TENANT_ID", tenant.tenant_id().to_owned()),
        ("AZURE_CLIENT_ID", identity.client_id),
        ("AZURE_CLIENT_SECRET", identity.client_secret),
    ];
    variables.into_iter().chain(trusted).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The `production` configuration, changed for `endpoints`.
///
/// The static values become the defaults of `manifest` and those of `endpoints`. The vault, the trusted authorities and
/// the key-value store become those of `endpoints`. So a developer who has filled in the settings of a real tenant can
/// still run locally without touching it.
///
/// # Errors
/// If a file is not TOML, or there is not exactly one `static` provider and one Key Vault.
pub fn derive(production: &str, manifest: &str, endpoints: &Endpoints) -> Result<String> {
    let mut configuration: Table = production.parse().context("runtime-config.toml is not valid TOML")?;
    let manifest: Table = manifest.parse().context("spin.toml is not valid TOML")?;
    let providers = configuration.get_mut("variables_provider").and_then(Value::as_array_mut);
    let providers = providers.context("runtime-config.toml has no [[variables_provider]]")?;

    let mut values = defaults(&manifest);
    values.extend(endpoints.variables.iter().map(|(&name, value)| (name.to_owned(), value.clone().into())));
    provider(providers, "static")?.insert("values".to_owned(), Value::Table(values));

    let vault = provider(providers, "azure_key_vault")?;
    // Removes credentials of a real tenant. The run's own identity is in its environment.
    vault.retain(|key, _| key == "type");
    vault.insert("vault_url".to_owned(), endpoints.vault_url.clone().into());

    configuration.remove("key_value_store");
    configuration.remove("client_tls");
    configuration.extend(endpoints.client_tls.clone().map(|entries| ("client_tls".to_owned(), entries)));
    if let Some(stores) = endpoints.store.table() {
        configuration.insert("key_value_store".to_owned(), Value::Table(stores));
    }
    toml::to_string(&configuration).context("the derived runtime configuration")
}

/// The variables that have a default, with their defaults, except secrets that a vault can hold: its names have no
/// underscores.
fn defaults(manifest: &Table) -> Table {
    let variables = manifest.get("variables").and_then(Value::as_table).into_iter().flatten();
    let is_in_vault =
        |name: &str, variable: &Value| variable.get("secret") == Some(&Value::Boolean(true)) && !name.contains('_');
    variables
        .filter(|(name, variable)| !is_in_vault(name, variable))
        .filter_map(|(name, variable)| Some((name.clone(), variable.get("default")?.clone())))
        .collect()
}

fn provider<'a>(providers: &'a mut [Value], kind: &str) -> Result<&'a mut Table> {
    let tables = providers.iter_mut().filter_map(Value::as_table_mut);
    let mut of_kind = tables.filter(|table| table.get("type").and_then(Value::as_str) == Some(kind));
    match (of_kind.next(), of_kind.next()) {
        (Some(found), None) => Ok(found),
        (None, _) => bail!("runtime-config.toml has no [[variables_provider]] of type `{kind}`"),
        (Some(_), Some(_)) => bail!("runtime-config.toml has several [[variables_provider]] of type `{kind}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCTION: &str = r#"
[[variables_provider]]
type = "static"
values = { tenant_id = "their tenant", required_scope = "their scope", allowed_clients = "theirs" }

[[variables_provider]]
type = "env"
prefix = "THEIRS"

[[variables_provider]]
type = "azure_key_vault"
vault_url = "https://their.vault.azure.net/"
client_id = "their identity"
client_secret = "their secret"
tenant_id = "their tenant"

[key_value_store.default]
type = "redis"
url = "redis://their.host:6379"

[outbound_networking]
block_networks = ["10.0.0.0/8"]

[[client_tls]]
component_ids = ["profile-get"]
hosts = ["login.microsoftonline.com"]
ca_roots_file = "theirs.pem"
"#;

    const MANIFEST: &str = r#"
[variables]
tenant_id = { required = true }
clientsecret = { default = "", secret = true }
other_secret = { default = "", secret = true }
graph_url = { default = "https://graph.microsoft.com" }
required_scope = { default = "user_impersonation" }
"#;

    fn endpoints() -> Endpoints {
        Endpoints {
            variables: BTreeMap::from([
                ("tenant_id", "our tenant".to_owned()),
                ("graph_url", "http://127.0.0.1:2".to_owned()),
            ]),
            vault_url: "http://127.0.0.1:3".to_owned(),
            client_tls: Some(client_tls("one", Path::new("/run/authority.pem"))),
            store: KeyValueStore::default(),
        }
    }

    #[test]
    fn the_store_is_the_default_one() {
        for (store, expected) in [
            (KeyValueStore::SqliteFile, ""),
            (KeyValueStore::SqliteInMemory, "[key_value_store.default]\ntype = 'spin'"),
            (
                KeyValueStore::Redis("redis://127.0.0.1:4".to_owned()),
                "[key_value_store.default]\ntype = 'redis'\nurl = 'redis://127.0.0.1:4'",
            ),
        ] {
            let derived = derive(PRODUCTION, MANIFEST, &Endpoints { store, ..endpoints() }).unwrap();
            let (derived, expected): (Table, Table) = (derived.parse().unwrap(), expected.parse().unwrap());
            assert_eq!(derived.get("key_value_store"), expected.get("key_value_store"), "{expected}");
        }
    }

    #[test]
    fn what_belongs_to_a_real_tenant_is_replaced_and_the_rest_kept() {
        let derived: Table = derive(PRODUCTION, MANIFEST, &endpoints()).unwrap().parse().unwrap();
        let expected: Table = r#"
            [[variables_provider]]
            type = "static"
            values = { tenant_id = "our tenant", graph_url = "http://127.0.0.1:2", other_secret = "", required_scope = "user_impersonation" }

            [[variables_provider]]
            type = "env"
            prefix = "THEIRS"

            [[variables_provider]]
            type = "azure_key_vault"
            vault_url = "http://127.0.0.1:3"

            [outbound_networking]
            block_networks = ["10.0.0.0/8"]

            [[client_tls]]
            component_ids = ["one"]
            hosts = ["127.0.0.1"]
            ca_roots_file = "/run/authority.pem"
        "#
        .parse()
        .unwrap();
        assert_eq!(derived, expected);
    }

    #[track_caller]
    fn refused(production: &str, because: &str) {
        let error = derive(production, MANIFEST, &endpoints()).unwrap_err().to_string();
        assert!(error.contains(because), "{error}");
    }

    #[test]
    fn each_provider_must_be_there_once() {
        let vault = "[[variables_provider]]\ntype = \"azure_key_vault\"\nvault_url = \"https://v\"\n";
        let values = "[[variables_provider]]\ntype = \"static\"\nvalues = {}\n";
        refused(vault, "no [[variables_provider]] of type `static`");
        refused(values, "no [[variables_provider]] of type `azure_key_vault`");
        refused(&[values, vault, vault].concat(), "several [[variables_provider]] of type `azure_key_vault`");
        refused("variables_provider = 3", "has no [[variables_provider]]");
        refused("[[", "runtime-config.toml is not valid TOML");
    }
}
