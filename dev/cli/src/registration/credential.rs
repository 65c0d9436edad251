//! What an application proves itself with: a client secret in a vault, a certificate, or a federated credential.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    application::Application,
    refusal::Purpose,
    session::{Change, Service},
    vault::{StoredSecret, Vault},
};

/// By this name the command knows the secrets that it made.
const OWN_NAME: &str = "cargo dev register";
/// Instances use a secret for so long after it was changed in the vault.
const SECONDS_IN_USE: u64 = 600;
/// The content type of a certificate that a vault hands out as PEM.
const PEM: &str = "application/x-pem-file";
/// The same as PKCS #12, which the API cannot read.
const PKCS12: &str = "application/x-pkcs12";

/// A client secret of `application` that is in `vault` under `name`.
pub(crate) struct SecretInVault<'a, 's> {
    pub(crate) graph: &'a Service<'s>,
    pub(crate) vault: &'a Vault<'s>,
    pub(crate) name: &'static str,
    /// Whether a secret that works is replaced.
    pub(crate) rotates: bool,
}

impl SecretInVault<'_, '_> {
    /// Makes a secret if the vault has none that works, and removes former ones that nobody uses any more. If the vault
    /// has a certificate instead, registers that.
    pub(crate) async fn ensure(&self, application: &mut Application) -> Result<()> {
        let name = self.name;
        let stored = self.vault.get(name).await?;
        match &stored {
            Some(stored) if stored.content_type == PEM => {
                return ensure_certificate(self.graph, application, &stored.value).await;
            }
            Some(stored) if stored.content_type == PKCS12 => bail!(
                "the vault's {name} is a certificate as PKCS #12, which cannot be read: create it again with the content \
                 type {PEM}"
            ),
            Some(_) if self.rotates => {}
            Some(StoredSecret { client_id: None, .. }) => {
                let note = format!(
                    "The vault's {name} was not written by this command; it stays as it is. If it is not a secret \
                     of this application, Entra refuses it: use --rotate, or another vault."
                );
                return self.graph.session.report(&note);
            }
            Some(StoredSecret { client_id: Some(owner), .. }) if *owner != application.client_id => bail!(
                "the vault's {name} belongs to the application {owner}: choose another vault, or replace it with --rotate"
            ),
            Some(stored) if has_secret(application, stored.key_id.as_deref()) => {
                return self.remove_former(application, stored).await;
            }
            _ => {}
        }
        self.make(application).await?;
        if self.rotates && stored.is_some() {
            self.graph.session.report(&format!(
                "Instances use the former {name} for up to ten minutes. Run the command without --rotate after that: it \
                 removes the former one."
            ))?;
        }
        Ok(())
    }

    async fn make(&self, application: &mut Application) -> Result<()> {
        let add = Change {
            method: "POST",
            path: format!("{}/addPassword", application.path()),
            body: Some(json!({"passwordCredential": {"displayName": OWN_NAME}})),
            lines: vec![format!("+ a client secret called {OWN_NAME:?}")],
            is_about_new: application.is_new,
            ..Change::default()
        };
        let added = self.graph.change(Purpose::Register, add).await?.unwrap_or_default();
        let text = |name: &str| added.get(name).and_then(Value::as_str).unwrap_or_default();
        let (value, key_id) = (text("secretText"), text("keyId"));
        if !self.graph.session.is_dry && (value.is_empty() || key_id.is_empty()) {
            bail!("Microsoft Graph made a secret, but did not show it: run the command again");
        }
        let put = self.vault.put(self.name, value, &application.client_id, Some(key_id)).await;
        if put.is_err() && !self.graph.session.is_dry {
            // Nobody knows it. If this fails too, a later run removes it.
            let _ = self.remove(application, key_id).await;
        }
        put
    }

    /// Removes the secrets that this command made before the one in the vault, unless instances can still use them.
    async fn remove_former(&self, application: &Application, stored: &StoredSecret) -> Result<()> {
        let own = application.list(&["passwordCredentials"]).iter().filter_map(|secret| {
            let is_own = secret.get("displayName")?.as_str()? == OWN_NAME;
            secret.get("keyId")?.as_str().filter(|_| is_own)
        });
        let former: Vec<&str> = own.filter(|key_id| stored.key_id.as_deref() != Some(key_id)).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if !former.is_empty() && now < stored.created.saturating_add(SECONDS_IN_USE) {
            let name = self.name;
            return self.graph.session.report(&format!(
                "{name} was changed less than ten minutes ago, so its former secret stays for now. Run the command again \
                 after that to remove it."
            ));
        }
        for key_id in former {
            self.remove(application, key_id).await?;
        }
        Ok(())
    }

    async fn remove(&self, application: &Application, key_id: &str) -> Result<()> {
        let remove = Change {
            method: "POST",
            path: format!("{}/removePassword", application.path()),
            body: Some(json!({"keyId": key_id})),
            lines: vec![format!("- the former client secret {key_id}")],
            ..Change::default()
        };
        self.graph.change(Purpose::Register, remove).await.map(drop)
    }
}

fn has_secret(application: &Application, key_id: Option<&str>) -> bool {
    let secrets = application.list(&["passwordCredentials"]).iter();
    let mut ids = secrets.filter_map(|secret| secret.get("keyId")?.as_str());
    key_id.is_some_and(|key_id| ids.any(|id| id.eq_ignore_ascii_case(key_id)))
}

/// Registers the first certificate in `pem`, unless `application` has it. Others stay.
pub(crate) async fn ensure_certificate(graph: &Service<'_>, application: &mut Application, pem: &str) -> Result<()> {
    let der = certificate(pem)?;
    let digest = sha1_smol::Sha1::from(&der).digest();
    let present = application.list(&["keyCredentials"]);
    let has_digest = |credential: &Value| {
        let id = credential.get("customKeyIdentifier").and_then(Value::as_str).unwrap_or_default();
        id.eq_ignore_ascii_case(&digest.to_string()) || id == STANDARD.encode(digest.bytes())
    };
    if present.iter().any(has_digest) {
        return Ok(());
    }
    let new = json!({
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "key": STANDARD.encode(&der),
        "displayName": OWN_NAME,
    });
    let all: Vec<&Value> = present.iter().chain([&new]).collect();
    let add = Change {
        method: "PATCH",
        path: application.path(),
        // The list replaces the present one.
        body: Some(json!({"keyCredentials": all})),
        lines: vec![format!("+ a certificate with the thumbprint {}", digest.to_string().to_uppercase())],
        is_about_new: application.is_new,
        ..Change::default()
    };
    graph.change(Purpose::Register, add).await.map(drop)
}

/// The DER of the first certificate.
fn certificate(pem: &str) -> Result<Vec<u8>> {
    let body = pem
        .split_once("-----BEGIN CERTIFICATE-----")
        .and_then(|(_, rest)| rest.split_once("-----END CERTIFICATE-----"));
    let (body, _) = body.context("there is no certificate in PEM (-----BEGIN CERTIFICATE-----)")?;
    let base64: String = body.split_whitespace().collect();
    STANDARD.decode(base64).context("the certificate is not valid PEM")
}

/// Who signs the tokens that `application` trusts instead of a secret, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Federation<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) audience: &'a str,
}

impl Federation<'_> {
    /// Makes `application` trust it. Others stay.
    pub(crate) async fn ensure(&self, graph: &Service<'_>, application: &Application) -> Result<()> {
        let path = format!("{}/federatedIdentityCredentials", application.path());
        if !application.is_new {
            let present = graph.list(Purpose::Register, &path).await?;
            let is_this = |it: &Value| {
                it.get("issuer").and_then(Value::as_str) == Some(self.issuer)
                    && it.get("subject").and_then(Value::as_str) == Some(self.subject)
            };
            if present.iter().any(is_this) {
                return Ok(());
            }
        }
        let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{} {}", self.issuer, self.subject).as_bytes());
        let create = Change {
            method: "PATCH",
            path: format!("{path}(name='register-{id}')"),
            creates_if_missing: true,
            body: Some(json!({"issuer": self.issuer, "subject": self.subject, "audiences": [self.audience]})),
            lines: vec![format!("+ trust in {} for {}", self.issuer, self.subject)],
            is_about_new: application.is_new,
        };
        graph.change(Purpose::Register, create).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_certificate_is_found_among_other_blocks() {
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let one = "-----BEGIN CERTIFICATE-----\nAQID\nBA==\n-----END CERTIFICATE-----\n";
        assert_eq!(certificate(&[key, one, one].concat()).unwrap(), [1, 2, 3, 4]);
        for pem in ["", key, "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----"]
        {
            assert!(certificate(pem).is_err(), "{pem}");
        }
    }
}
