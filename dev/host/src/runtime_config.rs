//! The runtime config file: variable providers, key-value stores, and the authorities that components trust.
//!
//! This host supports what this project needs, and refuses every other key by its name.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{
    key_value::StoreSettings,
    options::UNSUPPORTED,
    tls::{ClientTls, client_config},
    variables::{DEFAULT_PREFIX, KeyVault, Principal, Provider},
};

/// The store that every application may use without configuration.
const DEFAULT_STORE: &str = "default";
const DEFAULT_STORE_FILE: &str = "sqlite_key_value.db";

/// The contents of the file, with Spin's defaults for what it omits.
pub(super) struct RuntimeConfig {
    /// In the file's order. The environment is always the last one.
    pub(super) providers: Vec<Provider>,
    pub(super) key_value_stores: BTreeMap<String, StoreSettings>,
    pub(super) client_tls: ClientTls,
}

impl RuntimeConfig {
    /// Reads the file at `path`, or uses the defaults if there is none.
    pub(super) fn read(
        path: Option<&Path>,
        environment: &Arc<BTreeMap<String, String>>,
        state_dir: &Path,
    ) -> Result<Self> {
        let Some(path) = path else {
            return Self::parse("", Path::new(""), environment, state_dir);
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the runtime config {}: is the path right?", path.display()))?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        Self::parse(&text, folder, environment, state_dir).with_context(|| path.display().to_string())
    }

    fn parse(text: &str, folder: &Path, environment: &Arc<BTreeMap<String, String>>, state_dir: &Path) -> Result<Self> {
        let file: RuntimeConfigFile = toml::from_str(text).context(UNSUPPORTED)?;
        let mut providers = Vec::new();
        for (index, table) in file.variables_provider.into_iter().enumerate() {
            let provider = table.open(environment).with_context(|| format!("variables_provider[{index}]"))?;
            providers.push(provider);
        }
        providers.push(from_environment(None, environment));

        let default_file = state_dir.join(DEFAULT_STORE_FILE);
        let mut key_value_stores =
            BTreeMap::from([(DEFAULT_STORE.to_owned(), StoreSettings::Sqlite(Some(default_file)))]);
        for (label, table) in file.key_value_store {
            let store = match table {
                StoreTable::Spin { path } => StoreSettings::Sqlite(path.map(|path| folder.join(path))),
                StoreTable::Redis { url } => {
                    StoreSettings::redis(&url).with_context(|| format!("key_value_store.{label}.url"))?
                }
            };
            key_value_stores.insert(label, store);
        }

        let mut client_tls = ClientTls::new(environment)?;
        for (index, table) in file.client_tls.iter().enumerate() {
            let config = client_config(environment, Some(&folder.join(&table.ca_roots_file)))
                .with_context(|| format!("client_tls[{index}].ca_roots_file"))?;
            client_tls.add(&table.component_ids, &table.hosts, config);
        }
        Ok(Self { providers, key_value_stores, client_tls })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuntimeConfigFile {
    #[serde(default)]
    variables_provider: Vec<ProviderTable>,
    #[serde(default)]
    key_value_store: BTreeMap<String, StoreTable>,
    #[serde(default)]
    client_tls: Vec<ClientTlsTable>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum ProviderTable {
    Static { values: BTreeMap<String, String> },
    Env { prefix: Option<String> },
    AzureKeyVault { vault_url: String },
}

impl ProviderTable {
    fn open(self, environment: &Arc<BTreeMap<String, String>>) -> Result<Provider> {
        Ok(match self {
            Self::Static { values } => Provider::Static(values),
            Self::Env { prefix } => from_environment(prefix, environment),
            Self::AzureKeyVault { vault_url } => {
                let principal = Principal::from_environment(environment).context(
                    "the embedded host signs in to the vault by AZURE_TENANT_ID, AZURE_CLIENT_ID and \
                     AZURE_CLIENT_SECRET; for other identities run with --spin",
                )?;
                Provider::KeyVault(Box::new(KeyVault::new(&vault_url, principal, environment)?))
            }
        })
    }
}

fn from_environment(prefix: Option<String>, environment: &Arc<BTreeMap<String, String>>) -> Provider {
    Provider::Environment {
        prefix: prefix.unwrap_or_else(|| DEFAULT_PREFIX.to_owned()),
        environment: Arc::clone(environment),
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum StoreTable {
    Spin { path: Option<PathBuf> },
    Redis { url: String },
}

/// The authorities that components trust for calls to some hosts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientTlsTable {
    component_ids: Vec<String>,
    hosts: Vec<String>,
    ca_roots_file: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RuntimeConfig> {
        let environment = BTreeMap::from([
            ("AZURE_TENANT_ID".to_owned(), "tenant".to_owned()),
            ("AZURE_CLIENT_ID".to_owned(), "client".to_owned()),
            ("AZURE_CLIENT_SECRET".to_owned(), "secret".to_owned()),
        ]);
        RuntimeConfig::parse(text, Path::new("config"), &Arc::new(environment), Path::new("state"))
    }

    fn kinds(config: &RuntimeConfig) -> Vec<&'static str> {
        config
            .providers
            .iter()
            .map(|provider| match provider {
                Provider::Static(_) => "static",
                Provider::Environment { .. } => "env",
                Provider::KeyVault(_) => "vault",
            })
            .collect()
    }

    #[test]
    fn an_empty_file_means_spins_defaults() {
        let config = parse("").unwrap();
        assert_eq!(kinds(&config), ["env"]);
        assert_eq!(config.key_value_stores["default"], StoreSettings::Sqlite(Some("state/sqlite_key_value.db".into())));
    }

    #[test]
    fn providers_keep_the_files_order_and_the_environment_comes_last() {
        let config = parse(
            "[[variables_provider]]\ntype = 'static'\nvalues = { a = '1' }\n\
             [[variables_provider]]\ntype = 'azure_key_vault'\nvault_url = 'http://127.0.0.1:1/'\n\
             [[variables_provider]]\ntype = 'env'\nprefix = 'X'\n",
        )
        .unwrap();
        assert_eq!(kinds(&config), ["static", "vault", "env", "env"]);
    }

    #[test]
    fn stores_are_found_from_the_files_folder() {
        let config = parse(
            "[key_value_store.a]\ntype = 'spin'\npath = 'a.db'\n\
             [key_value_store.b]\ntype = 'redis'\nurl = 'redis://127.0.0.1:6379/1'\n\
             [key_value_store.c]\ntype = 'spin'\n",
        )
        .unwrap();
        assert_eq!(config.key_value_stores["a"], StoreSettings::Sqlite(Some("config/a.db".into())));
        assert_eq!(config.key_value_stores["c"], StoreSettings::Sqlite(None));
        assert!(matches!(config.key_value_stores["b"], StoreSettings::Redis(_)));
    }

    #[test]
    fn refusals_name_what_is_refused() {
        for (text, expected) in [
            ("state_dir = 'x'", "unknown field `state_dir`"),
            ("variable_provider = []", "unknown field `variable_provider`"),
            ("[outbound_networking]\nblock_networks = ['private']", "unknown field `outbound_networking`"),
            ("[outbound_http]\nconnection_pooling = false", "unknown field `outbound_http`"),
            ("[[client_tls]]\ncomponent_ids = ['a']\nhosts = ['b']\nca_file = 'x'", "unknown field `ca_file`"),
            ("[[client_tls]]\nca_use_webpki_roots = false", "unknown field `ca_use_webpki_roots`"),
            ("[[client_tls]]\nclient_cert_file = 'x'", "unknown field `client_cert_file`"),
            ("[[client_tls]]\ncomponent_ids = ['a']\nca_roots_file = 'x'", "missing field `hosts`"),
            (
                "[[client_tls]]\ncomponent_ids = ['a']\nhosts = ['b']\nca_roots_file = 'none.pem'",
                "cannot read certificates from config/none.pem",
            ),
            ("[[variables_provider]]\ntype = 'vault'", "unknown variant `vault`"),
            ("[[variables_provider]]\nvalues = {}", "missing field `type`"),
            ("[[variables_provider]]\ntype = 'static'\nvalues = { a = 1 }", "expected a string"),
            ("[[variables_provider]]\ntype = 'env'\ndotenv_path = '.env'", "unknown field `dotenv_path`"),
            ("[[variables_provider]]\ntype = 'azure_key_vault'\nurl = 'x'", "unknown field `url`"),
            ("[[variables_provider]]\ntype = 'azure_key_vault'\nvault_url = 'x'", "must be a URL"),
            (
                "[[variables_provider]]\ntype = 'azure_key_vault'\nvault_url = 'http://a.b'\nclient_id = 'x'",
                "unknown field `client_id`",
            ),
            ("[key_value_store.a]\ntype = 'azure_cosmos'", "unknown variant `azure_cosmos`"),
            ("[key_value_store.a]\ntype = 'redis'\nurl = 'rediss://x'", "key_value_store.a.url"),
            ("[key_value_store.a]\ntype = 'redis'\nurl = 'x'", "key_value_store.a.url"),
            ("x", "TOML parse error"),
        ] {
            let error = format!("{:#}", parse(text).err().expect(text));
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
