//! The secrets in the vault, with their versions.

use std::collections::BTreeMap;

use parking_lot::RwLock;
use serde_json::{Value, json};

use crate::{random, time};

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
}

impl Vault {
    /// Adds a version, which becomes the current one.
    pub(crate) fn set(&self, name: &str, value: String) {
        let secret = Secret { name: name.to_owned(), version: random::version(), value, created: time::now() };
        self.0.write().entry(name.to_ascii_lowercase()).or_default().push(secret);
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
    /// A `SecretBundle` of the REST interface.
    pub(crate) fn to_json(&self, vault_url: &str) -> Value {
        json!({
            "value": self.value,
            "id": format!("{vault_url}/secrets/{}/{}", self.name, self.version),
            "attributes": {
                "enabled": true,
                "created": self.created,
                "updated": self.created,
                "recoveryLevel": "Recoverable+Purgeable",
                "recoverableDays": 90,
            },
        })
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
