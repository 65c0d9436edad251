//! The secrets of a key vault: <https://learn.microsoft.com/rest/api/keyvault/secrets>.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{
    azure_cli::{AccessToken, Cloud},
    refusal::{self, Purpose},
    session::{Change, Service, Session},
};

const API_VERSION: &str = "api-version=7.4";

/// A vault, and the token for it.
pub(crate) struct Vault<'a>(Service<'a>);

/// A secret that is in the vault. It cannot be printed.
pub(crate) struct StoredSecret {
    /// The secret itself.
    pub(crate) value: String,
    pub(crate) content_type: String,
    /// The client id of the application that it belongs to, if this command wrote it.
    pub(crate) client_id: Option<String>,
    /// The id by which that application knows it.
    pub(crate) key_id: Option<String>,
    /// When it was written, in seconds since the Unix epoch.
    pub(crate) created: u64,
}

/// The address of the vault that a person named: by its name, or by an address in this cloud.
///
/// # Errors
/// If it is neither. The token for vaults must not be sent anywhere else.
pub(crate) fn address(cloud: &Cloud, name: &str) -> Result<String> {
    let url = match name.contains("://") {
        true => name.trim_end_matches('/').to_owned(),
        false => format!("https://{name}{}", cloud.vault_suffix()),
    };
    let (scheme, host) = url.split_once("://").unwrap_or_default();
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let is_vault = scheme == "https" && host.strip_suffix(cloud.vault_suffix()).is_some_and(is_name);
    let is_emulated = ["http", "https"].contains(&scheme)
        && host.strip_prefix("127.0.0.1:").is_some_and(|port| port.parse::<u16>().is_ok());
    ensure!(
        is_vault || is_emulated,
        "{name} is not a vault of this cloud: give its name, or https://NAME{}",
        cloud.vault_suffix()
    );
    Ok(url)
}

impl<'a> Vault<'a> {
    /// # Errors
    /// If the Azure CLI has no token for it.
    pub(crate) async fn open(session: &'a Session<'a>, cloud: &Cloud, tenant: &str, url: &str) -> Result<Self> {
        let token = AccessToken::for_vaults(&session.tools.az, cloud, tenant).await?;
        Ok(Self(Service { session, base: url.to_owned(), token }))
    }

    /// The current version of the secret called `name`.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<StoredSecret>> {
        let found = self.0.get(Purpose::Vault, &format!("/secrets/{name}?{API_VERSION}")).await?;
        let Some(found) = found else { return Ok(None) };
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(ToOwned::to_owned);
        let tag = |name: &str| text(found.get("tags").and_then(|tags| tags.get(name)));
        Ok(Some(StoredSecret {
            value: text(found.get("value")).with_context(|| format!("the vault returned {name} without a value"))?,
            content_type: text(found.get("contentType")).unwrap_or_default(),
            client_id: tag("client-id"),
            key_id: tag("key-id"),
            created: found.get("attributes").and_then(|it| it.get("created")?.as_u64()).unwrap_or_default(),
        }))
    }

    /// Writes a new version, and which application it belongs to. A deleted secret of this name is recovered before,
    /// because it blocks the name.
    pub(crate) async fn put(&self, name: &str, value: &str, client_id: &str, key_id: Option<&str>) -> Result<()> {
        let mut tags = json!({"client-id": client_id});
        if let (Some(key_id), Some(tags)) = (key_id, tags.as_object_mut()) {
            tags.insert("key-id".to_owned(), key_id.into());
        }
        let mut put = Change {
            method: "PUT",
            path: format!("/secrets/{name}?{API_VERSION}"),
            body: Some(json!({"value": value, "tags": tags})),
            lines: vec![format!("+ {name}: a new secret, which is not shown")],
            ..Change::default()
        };
        match self.0.try_change(Purpose::Vault, &put).await? {
            Some(response) if response.status == 409 => {
                let recover = Change {
                    method: "POST",
                    path: format!("/deletedsecrets/{name}/recover?{API_VERSION}"),
                    lines: vec![format!("+ {name}, which was deleted")],
                    ..Change::default()
                };
                self.0.change(Purpose::Vault, recover).await?;
                put.is_about_new = true;
                self.0.change(Purpose::Vault, put).await.map(drop)
            }
            Some(response) if response.status != 200 => {
                Err(refusal::error(Purpose::Vault, &format!("PUT {}", put.path), &response))
            }
            _ => Ok(()),
        }
    }

    /// Deletes the secret called `name`.
    pub(crate) async fn delete(&self, name: &str) -> Result<()> {
        let delete = Change {
            method: "DELETE",
            path: format!("/secrets/{name}?{API_VERSION}"),
            lines: vec![format!("- {name}")],
            ..Change::default()
        };
        self.0.change(Purpose::Vault, delete).await.map(drop)
    }
}

/// A session secret for the sign-in app: 32 random bytes.
///
/// # Errors
/// If this machine has no random numbers.
pub(crate) fn random_secret() -> Result<String> {
    use std::io::Read as _;
    let mut bytes = [0; 32];
    let mut source = std::fs::File::open("/dev/urandom").context("this machine has no /dev/urandom")?;
    source.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_to_vaults_only() {
        let cloud: Cloud = serde_json::from_value(json!({
            "name": "AzureCloud",
            "endpoints": {"activeDirectory": "https://a", "microsoftGraphResourceId": "https://g/"},
            "suffixes": {"keyvaultDns": ".vault.azure.net"},
        }))
        .unwrap();
        for (name, expected) in [
            ("my-vault", "https://my-vault.vault.azure.net"),
            ("https://my-vault.vault.azure.net/", "https://my-vault.vault.azure.net"),
            ("http://127.0.0.1:7703", "http://127.0.0.1:7703"),
        ] {
            assert_eq!(address(&cloud, name).unwrap(), expected);
        }
        for name in [
            "",
            "my.vault",
            "other.example/",
            "http://my-vault.vault.azure.net",
            "https://other.example",
            "https://other.example/.vault.azure.net",
            "https://.vault.azure.net",
            "https://a@b.vault.azure.net",
            "http://127.0.0.1:1@other.example",
            "ftp://127.0.0.1:1",
        ] {
            assert!(address(&cloud, name).is_err(), "{name}");
        }
    }
}
