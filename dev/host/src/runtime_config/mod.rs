//! The runtime config file: where variables come from, where key-value stores live, whom components trust.

mod client_tls;
mod providers;
mod stores;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::{Context, Result};
use serde::Deserialize;
use toml::Table;

use super::{
    key_value::StoreSettings,
    section::{Keys, Section},
    tls::ClientTls,
    variables::Provider,
};

/// What the file says, with Spin's defaults for what it leaves out.
pub(super) struct RuntimeConfig {
    /// In the file's order; the environment comes last without being named.
    pub(super) providers: Vec<Provider>,
    pub(super) key_value_stores: BTreeMap<String, StoreSettings>,
    /// Whether outbound connections are kept for the next request.
    pub(super) connection_pooling: bool,
    pub(super) client_tls: ClientTls,
}

impl RuntimeConfig {
    /// Reads the file at `path`, or takes the defaults where there is none.
    pub(super) fn read(
        path: Option<&Path>,
        environment: &Arc<BTreeMap<String, String>>,
        state_dir: &Path,
    ) -> Result<Self> {
        let Some(path) = path else {
            return Self::parse("", "", Path::new(""), environment, state_dir);
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the runtime config {}: is the path right?", path.display()))?;
        let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        Self::parse(&text, &file, folder, environment, state_dir)
    }

    fn parse(
        text: &str,
        file: &str,
        folder: &Path,
        environment: &Arc<BTreeMap<String, String>>,
        state_dir: &Path,
    ) -> Result<Self> {
        let table: Table = text.parse().with_context(|| format!("{file} is not valid TOML"))?;
        let config = Section::root(file, &table);
        config.check(&FILE)?;
        Ok(Self {
            providers: providers::read(&config, environment)?,
            key_value_stores: stores::read(&config, folder, state_dir)?,
            connection_pooling: connection_pooling(&config)?,
            client_tls: client_tls::read(&config, folder, environment)?,
        })
    }
}

/// Pooling is on unless the table exists and does not switch it on: Spin's own trap.
fn connection_pooling(config: &Section<'_>) -> Result<bool> {
    #[derive(Deserialize)]
    struct OutboundHttp {
        #[serde(default)]
        connection_pooling: bool,
    }
    let Some(section) = config.section("outbound_http")? else {
        return Ok(true);
    };
    section.check(&OUTBOUND_HTTP)?;
    let OutboundHttp { connection_pooling } = section.read()?;
    Ok(connection_pooling)
}

const FILE: Keys = Keys {
    supported: &["variables_provider", "config_provider", "key_value_store", "outbound_http", "client_tls"],
    refused: &[
        "outbound_networking",
        "sqlite_database",
        "llm_compute",
        "outbound_pg",
        "outbound_mysql",
        "outbound_redis",
        "outbound_mqtt",
        "state_dir",
        "log_dir",
        "max_instance_memory",
    ],
};
const OUTBOUND_HTTP: Keys =
    Keys { supported: &["connection_pooling"], refused: &["max_connections", "max_concurrent_requests"] };

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RuntimeConfig> {
        let environment = BTreeMap::from([
            ("AZURE_TENANT_ID".to_owned(), "tenant".to_owned()),
            ("AZURE_CLIENT_ID".to_owned(), "client".to_owned()),
            ("AZURE_CLIENT_SECRET".to_owned(), "secret".to_owned()),
        ]);
        RuntimeConfig::parse(
            text,
            "runtime-config.toml",
            Path::new("config"),
            &Arc::new(environment),
            Path::new("state"),
        )
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
        assert!(config.connection_pooling);
        assert_eq!(config.key_value_stores["default"], StoreSettings::Sqlite(Some("state/sqlite_key_value.db".into())));
    }

    #[test]
    fn providers_keep_the_files_order_and_the_environment_comes_last() {
        for key in ["variables_provider", "config_provider"] {
            let text = "[[KEY]]\ntype = 'static'\nvalues = { a = '1' }\n\
                [[KEY]]\ntype = 'azure_key_vault'\nvault_url = 'http://127.0.0.1:1/'\n\
                [[KEY]]\ntype = 'env'\nprefix = 'X'\n";
            let config = parse(&text.replace("KEY", key)).unwrap();
            assert_eq!(kinds(&config), ["static", "vault", "env", "env"]);
        }
    }

    #[test]
    fn stores_are_found_from_the_files_folder() {
        let config = parse(
            "[key_value_store.a]\ntype = 'spin'\npath = 'a.db'\n\
             [key_value_store.b]\ntype = 'spin'\n\
             [key_value_store.c]\ntype = 'redis'\nurl = 'redis://127.0.0.1:6379/1'\n",
        )
        .unwrap();
        assert_eq!(config.key_value_stores["a"], StoreSettings::Sqlite(Some("config/a.db".into())));
        assert_eq!(config.key_value_stores["b"], StoreSettings::Sqlite(None));
        assert!(matches!(config.key_value_stores["c"], StoreSettings::Redis(_)));
    }

    #[test]
    fn an_outbound_http_table_without_pooling_switches_it_off() {
        assert!(!parse("[outbound_http]\n").unwrap().connection_pooling);
        assert!(parse("[outbound_http]\nconnection_pooling = true\n").unwrap().connection_pooling);
    }

    #[test]
    fn refusals_name_the_file_and_the_key() {
        for (text, expected) in [
            ("state_dir = 'x'", "state_dir is not supported by the embedded host; run with --spin"),
            ("[outbound_networking]\nblock_networks = ['private']", "outbound_networking is not supported"),
            ("[client_tls]\nhosts = ['a']", "client_tls must be a list: write [[client_tls]]"),
            ("[[client_tls]]\nhosts = ['a']", "client_tls[0]: missing field `component_ids`"),
            ("[[client_tls]]\ncomponent_ids = ['a']\nhosts = []", "client_tls[0]: hosts may not be empty"),
            ("[[client_tls]]\ncomponent_ids = []\nhosts = ['b']", "client_tls[0]: component_ids may not be empty"),
            ("[[client_tls]]\ncomponent_ids = ['a_b']\nhosts = ['b']", "`a_b` is no component id"),
            ("[[client_tls]]\ncomponent_ids = ['a']\nhosts = ['b:1']", "`b:1` may not have a port"),
            ("[[client_tls]]\ncomponent_ids = ['a']\nhosts = ['b c']", "`b c` is no host"),
            (
                "[[client_tls]]\ncomponent_ids = ['a']\nhosts = ['b']\nca_file = 'x'",
                "client_tls[0].ca_file is not a key",
            ),
            (
                "[[client_tls]]\ncomponent_ids = ['a']\nhosts = ['b']\nca_roots_file = 'none.pem'",
                "cannot read certificates from config/none.pem",
            ),
            (
                "[[client_tls]]\ncomponent_ids = ['a']\nhosts = ['b']\nca_use_webpki_roots = false",
                "no authority is trusted",
            ),
            ("[[client_tls]]\nclient_cert_file = 'x'", "client_tls[0].client_cert_file is not supported"),
            ("[[client_tls]]\nclient_private_key_file = 'x'", "client_private_key_file is not supported"),
            ("[outbound_http]\nmax_connections = 1", "outbound_http.max_connections is not supported"),
            (
                "[[variables_provider]]\ntype = 'vault'",
                "variables_provider[0].type `vault` (HashiCorp Vault) is not supported",
            ),
            ("[[variables_provider]]\ntype = 'other'", "variables_provider[0].type `other` must be"),
            ("[[variables_provider]]\nvalues = {}", "variables_provider[0] needs a `type`"),
            ("[variables_provider]\ntype = 'env'", "variables_provider must be a list: write [[variables_provider]]"),
            ("[[variables_provider]]\ntype = 'static'\nvalues = { a = 1 }", "variables_provider[0]"),
            ("[[variables_provider]]\ntype = 'env'\ndotenv_path = '.env'", "dotenv_path is not supported"),
            ("[[variables_provider]]\ntype = 'azure_key_vault'\nurl = 'x'", "variables_provider[0].url is not a key"),
            ("[[variables_provider]]\ntype = 'azure_key_vault'\nvault_url = 'x'", "must be a URL"),
            (
                "[[variables_provider]]\ntype = 'azure_key_vault'\nvault_url = 'http://a.b'\nclient_id = 'x'",
                "give all of",
            ),
            ("[key_value_store.a]\ntype = 'azure_cosmos'", "key_value_store.a.type `azure_cosmos` is not supported"),
            (
                "[key_value_store.a]\ntype = 'redis'\nurl = 'rediss://x'",
                "key_value_store.a.url over TLS is not supported",
            ),
            ("[key_value_store.a]\ntype = 'redis'\nurl = 'x'", "key_value_store.a.url"),
            ("variable_provider = []", "variable_provider is not a key of Spin's"),
            ("x", "runtime-config.toml is not valid TOML"),
        ] {
            let error = format!("{:#}", parse(text).err().expect(text));
            assert!(error.starts_with("runtime-config.toml"), "{error}");
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
