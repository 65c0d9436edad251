//! `[[variables_provider]]`: the sources of variables, in the file's order.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{
    section::{Keys, Section},
    variables::{DEFAULT_PREFIX, KeyVault, Principal, Provider},
};

/// The providers of the file, and the environment after them.
pub(super) fn read(config: &Section<'_>, environment: &Arc<BTreeMap<String, String>>) -> Result<Vec<Provider>> {
    let key = match (config.get(KEY), config.get(OLD_KEY)) {
        (Some(_), Some(_)) => bail!("{} is the old name of {KEY}: keep the new one", config.place(OLD_KEY)),
        (None, Some(_)) => OLD_KEY,
        _ => KEY,
    };
    let mut providers = config
        .listed_sections(key)?
        .iter()
        .map(|section| read_one(section, environment))
        .collect::<Result<Vec<_>>>()?;
    providers.push(from_environment(None, environment));
    Ok(providers)
}

const KEY: &str = "variables_provider";
const OLD_KEY: &str = "config_provider";

fn read_one(section: &Section<'_>, environment: &Arc<BTreeMap<String, String>>) -> Result<Provider> {
    match section.kind()? {
        "static" => {
            section.check(&STATIC)?;
            let Static { values } = section.read()?;
            Ok(Provider::Static(values))
        }
        "env" => {
            section.check(&ENVIRONMENT)?;
            let Environment { prefix } = section.read()?;
            Ok(from_environment(prefix, environment))
        }
        "azure_key_vault" => {
            section.check(&AZURE_KEY_VAULT)?;
            let settings: AzureKeyVault = section.read()?;
            let vault = settings.open(environment).with_context(|| section.place(""))?;
            Ok(Provider::KeyVault(Box::new(vault)))
        }
        "vault" => Err(section.unsupported("type `vault` (HashiCorp Vault)")),
        other => bail!("{} `{other}` must be static, env or azure_key_vault", section.place("type")),
    }
}

fn from_environment(prefix: Option<String>, environment: &Arc<BTreeMap<String, String>>) -> Provider {
    Provider::Environment {
        prefix: prefix.unwrap_or_else(|| DEFAULT_PREFIX.to_owned()),
        environment: Arc::clone(environment),
    }
}

#[derive(Deserialize)]
struct Static {
    values: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Environment {
    prefix: Option<String>,
}

#[derive(Deserialize)]
struct AzureKeyVault {
    vault_url: String,
    client_id: Option<String>,
    client_secret: Option<String>,
    tenant_id: Option<String>,
    authority_host: Option<String>,
}

impl AzureKeyVault {
    /// Signs in as the service principal of the file, or else as the environment says.
    fn open(self, environment: &BTreeMap<String, String>) -> Result<KeyVault> {
        let principal = match (self.tenant_id, self.client_id, self.client_secret) {
            (Some(tenant_id), Some(client_id), Some(client_secret)) => {
                Principal::from_settings(&tenant_id, client_id, client_secret, self.authority_host.as_deref())?
            }
            (None, None, None) => Principal::from_environment(environment).context(
                "the embedded host signs in to the vault by AZURE_TENANT_ID, AZURE_CLIENT_ID and \
                 AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE; for managed identity or the Azure CLI \
                 run with --spin",
            )?,
            _ => bail!("give all of client_id, client_secret and tenant_id, or none of them"),
        };
        KeyVault::new(&self.vault_url, principal, environment)
    }
}

const STATIC: Keys = Keys { supported: &["type", "values"], refused: &[] };
const ENVIRONMENT: Keys = Keys { supported: &["type", "prefix"], refused: &["dotenv_path"] };
const AZURE_KEY_VAULT: Keys = Keys {
    supported: &["type", "vault_url", "client_id", "client_secret", "tenant_id", "authority_host"],
    refused: &[],
};
