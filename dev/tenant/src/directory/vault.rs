//! The secrets in the vault, with their versions.

use std::collections::BTreeMap;

use parking_lot::RwLock;
use serde_json::{Value, json};

use crate::{
    jwt::{Object, object},
    random, time,
};

/// A year, the usual life of a vault's certificate.
const CERTIFICATE_LIFE: i64 = 365 * 24 * 3600;
/// A week, for which deleted secrets are kept.
const RETENTION: i64 = 7 * 24 * 3600;

/// The secrets of a vault.
#[derive(Default)]
pub(crate) struct Vault(RwLock<State>);

/// Versions by lower-case name; names differ by more than case in a vault. The last version is the current one.
type Secrets = BTreeMap<String, Vec<Secret>>;

#[derive(Default)]
struct State {
    secrets: Secrets,
    /// They can be recovered, and block their names until they are purged.
    deleted: Secrets,
}

/// One version of a secret.
#[derive(Clone)]
pub(crate) struct Secret {
    name: String,
    version: String,
    value: String,
    created: i64,
    enabled: bool,
    content_type: Option<String>,
    tags: Option<Object>,
    /// When the certificate expires whose secret this is; `None` for other secrets.
    certificate_ends: Option<i64>,
}

/// How a vault hands out a certificate with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateFormat {
    /// PKCS #12 in base64.
    Pkcs12,
    /// PEM.
    Pem,
}

impl CertificateFormat {
    fn content_type(self) -> &'static str {
        match self {
            Self::Pkcs12 => "application/x-pkcs12",
            Self::Pem => "application/x-pem-file",
        }
    }
}

impl Vault {
    /// Adds a version, which becomes the current one.
    pub(crate) fn set(&self, name: &str, value: String) {
        self.add(name, value, None);
    }

    /// Adds a version of the secret by which a certificate of the vault can be read, `value` being its key and
    /// certificate in this format.
    pub(crate) fn set_certificate(&self, name: &str, value: String, format: CertificateFormat) {
        self.add(name, value, Some(format));
    }

    fn add(&self, name: &str, value: String, certificate: Option<CertificateFormat>) {
        let created = time::now();
        let secret = Secret {
            name: name.to_owned(),
            version: random::version(),
            value,
            created,
            enabled: true,
            content_type: certificate.map(|format| format.content_type().to_owned()),
            tags: None,
            certificate_ends: certificate.map(|_| created + CERTIFICATE_LIFE),
        };
        self.push(secret);
    }

    /// Adds the version that a client sent; `None` when a deleted secret blocks the name.
    pub(crate) fn write(
        &self,
        name: &str,
        value: String,
        content_type: Option<String>,
        tags: Option<Object>,
        enabled: bool,
    ) -> Option<Secret> {
        if self.0.read().deleted.contains_key(&name.to_ascii_lowercase()) {
            return None;
        }
        let secret = Secret {
            name: name.to_owned(),
            version: random::version(),
            value,
            created: time::now(),
            enabled,
            content_type,
            tags,
            certificate_ends: None,
        };
        self.push(secret.clone());
        Some(secret)
    }

    fn push(&self, secret: Secret) {
        self.0.write().secrets.entry(secret.name.to_ascii_lowercase()).or_default().push(secret);
    }

    /// Disables the current version.
    pub(crate) fn disable(&self, name: &str) {
        let mut vault = self.0.write();
        if let Some(secret) = vault.secrets.get_mut(&name.to_ascii_lowercase()).and_then(|versions| versions.last_mut())
        {
            secret.enabled = false;
        }
    }

    /// Lets the current version have been written so many seconds earlier.
    pub(crate) fn age(&self, name: &str, seconds: i64) {
        let mut vault = self.0.write();
        if let Some(secret) = vault.secrets.get_mut(&name.to_ascii_lowercase()).and_then(|versions| versions.last_mut())
        {
            secret.created -= seconds;
        }
    }

    /// Removes all versions.
    pub(crate) fn remove(&self, name: &str) {
        self.0.write().secrets.remove(&name.to_ascii_lowercase());
    }

    /// The current version of each secret.
    pub(crate) fn current(&self) -> Vec<Secret> {
        self.0.read().secrets.values().filter_map(|versions| versions.last().cloned()).collect()
    }

    /// Deletes all versions, which can be recovered.
    pub(crate) fn delete(&self, name: &str) -> Option<Secret> {
        let mut state = self.0.write();
        let State { secrets, deleted } = &mut *state;
        move_secret(secrets, deleted, name)
    }

    /// A deleted secret.
    pub(crate) fn deleted(&self, name: &str) -> Option<Secret> {
        self.0.read().deleted.get(&name.to_ascii_lowercase())?.last().cloned()
    }

    pub(crate) fn recover(&self, name: &str) -> Option<Secret> {
        let mut state = self.0.write();
        let State { secrets, deleted } = &mut *state;
        move_secret(deleted, secrets, name)
    }

    /// Removes a deleted secret permanently; `false` when there is none.
    pub(crate) fn purge(&self, name: &str) -> bool {
        self.0.write().deleted.remove(&name.to_ascii_lowercase()).is_some()
    }

    /// A version, the current one if `version` is empty.
    pub(crate) fn get(&self, name: &str, version: &str) -> Option<Secret> {
        let vault = self.0.read();
        let versions = vault.secrets.get(&name.to_ascii_lowercase())?;
        match version {
            "" => versions.last().cloned(),
            _ => versions.iter().find(|secret| secret.version == version).cloned(),
        }
    }
}

fn move_secret(from: &mut Secrets, to: &mut Secrets, name: &str) -> Option<Secret> {
    let (name, versions) = from.remove_entry(&name.to_ascii_lowercase())?;
    let current = versions.last().cloned();
    to.insert(name, versions);
    current
}

impl Secret {
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// A `SecretBundle` of the REST interface.
    pub(crate) fn to_json(&self, vault_url: &str) -> Value {
        let mut attributes = object(json!({
            "enabled": self.enabled,
            "created": self.created,
            "updated": self.created,
            "recoveryLevel": "CustomizedRecoverable+Purgeable",
            "recoverableDays": 7,
        }));
        let mut secret = object(json!({
            "value": self.value,
            "id": format!("{vault_url}/secrets/{}/{}", self.name, self.version),
        }));
        if let Some(content_type) = &self.content_type {
            secret.insert("contentType".into(), content_type.as_str().into());
        }
        if let Some(tags) = &self.tags {
            secret.insert("tags".into(), Value::Object(tags.clone()));
        }
        if let Some(ends) = self.certificate_ends {
            attributes.insert("nbf".into(), self.created.into());
            attributes.insert("exp".into(), ends.into());
            secret.insert("kid".into(), format!("{vault_url}/keys/{}/{}", self.name, self.version).into());
            secret.insert("managed".into(), true.into());
            secret.insert("tags".into(), json!({}));
        }
        secret.insert("attributes".into(), Value::Object(attributes));
        Value::Object(secret)
    }

    /// A `SecretItem`: the same without value and version.
    pub(crate) fn to_item(&self, vault_url: &str) -> Value {
        let mut item = object(self.to_json(vault_url));
        item.remove("value");
        item.insert("id".into(), format!("{vault_url}/secrets/{}", self.name).into());
        Value::Object(item)
    }

    /// A `DeletedSecretBundle`.
    pub(crate) fn to_deleted_json(&self, vault_url: &str) -> Value {
        let mut deleted = object(self.to_json(vault_url));
        deleted.remove("value");
        let now = time::now();
        deleted.extend(object(json!({
            "recoveryId": format!("{vault_url}/deletedsecrets/{}", self.name),
            "deletedDate": now,
            "scheduledPurgeDate": now + RETENTION,
        })));
        Value::Object(deleted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_versions_stay_readable() {
        let vault = Vault::default();
        vault.set("one", "first".into());
        let first = vault.get("ONE", "").unwrap();
        vault.set("one", "second".into());
        assert_eq!(vault.get("one", "").unwrap().value, "second");
        assert_eq!(vault.get("one", &first.version).unwrap().value, "first");
        assert!(vault.get("one", "0").is_none() && vault.get("other", "").is_none());
        vault.remove("one");
        assert!(vault.get("one", "").is_none());
    }

    #[test]
    fn a_deleted_secret_blocks_its_name_until_it_is_purged() {
        let vault = Vault::default();
        vault.set("one", "first".into());
        assert!(vault.delete("ONE").is_some() && vault.delete("one").is_none() && vault.get("one", "").is_none());
        assert!(vault.write("one", "second".into(), None, None, true).is_none());
        assert_eq!(vault.recover("one").unwrap().value, "first");
        assert!(vault.delete("one").is_some() && vault.purge("one") && !vault.purge("one"));
        assert!(vault.write("one", "second".into(), None, None, true).is_some());
    }
}
