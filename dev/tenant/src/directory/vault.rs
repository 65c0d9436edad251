//! The secrets in the vault, with their versions.

use std::collections::BTreeMap;

use parking_lot::RwLock;
use serde_json::{Value, json};

use crate::{jwt::object, random, time};

/// A year, the usual life of a vault's certificate.
const CERTIFICATE_LIFE: i64 = 365 * 24 * 3600;

/// Secrets by lower-case name; names differ by more than case in a vault. The last version is the current one.
#[derive(Default)]
pub(crate) struct Vault(RwLock<BTreeMap<String, Vec<Secret>>>);

/// One version of a secret.
#[derive(Clone)]
pub(crate) struct Secret {
    name: String,
    version: String,
    value: String,
    created: i64,
    enabled: bool,
    content_type: Option<&'static str>,
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
            content_type: certificate.map(CertificateFormat::content_type),
            certificate_ends: certificate.map(|_| created + CERTIFICATE_LIFE),
        };
        self.0.write().entry(name.to_ascii_lowercase()).or_default().push(secret);
    }

    /// Disables the current version.
    pub(crate) fn disable(&self, name: &str) {
        let mut vault = self.0.write();
        if let Some(secret) = vault.get_mut(&name.to_ascii_lowercase()).and_then(|versions| versions.last_mut()) {
            secret.enabled = false;
        }
    }

    /// Removes all versions.
    pub(crate) fn remove(&self, name: &str) {
        self.0.write().remove(&name.to_ascii_lowercase());
    }

    /// A version, the current one if `version` is empty.
    pub(crate) fn get(&self, name: &str, version: &str) -> Option<Secret> {
        let vault = self.0.read();
        let versions = vault.get(&name.to_ascii_lowercase())?;
        match version {
            "" => versions.last().cloned(),
            _ => versions.iter().find(|secret| secret.version == version).cloned(),
        }
    }
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
        if let Some(content_type) = self.content_type {
            secret.insert("contentType".into(), content_type.into());
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
}
