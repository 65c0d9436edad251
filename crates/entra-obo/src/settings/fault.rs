//! What is wrong with settings, by name.

use std::{collections::BTreeMap, fmt};

use crate::host::VariableUnavailable;

/// Everything that is wrong with the variables, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFaults(pub BTreeMap<&'static str, SettingFault>);

/// What is wrong with one of them. Never its value, which may be a secret that was set in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingFault {
    /// Its value: what to set.
    Wrong(String),
    /// It could not be read: the host's own words.
    Unreadable(String),
}

impl SettingsFaults {
    /// Whether no value is known to be wrong, so that another attempt to read them may succeed.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.0.values().all(|fault| matches!(fault, SettingFault::Unreadable(_)))
    }
}

/// A variable that the host does not have does not come by waiting.
impl From<VariableUnavailable> for SettingFault {
    fn from(unavailable: VariableUnavailable) -> Self {
        match unavailable {
            VariableUnavailable::Undefined(reason) => Self::Wrong(format!("{NOT_SET} ({reason})")),
            VariableUnavailable::Unreadable(reason) => Self::Unreadable(reason),
        }
    }
}

impl fmt::Display for SettingsFaults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = self.0.iter().map(|(name, fault)| match fault {
            SettingFault::Wrong(fault) => format!("{name}: {fault}"),
            SettingFault::Unreadable(reason) => format!("{name}: {}", unreadable(name, reason)),
        });
        formatter.write_str(&faults.collect::<Vec<_>>().join("; "))
    }
}

/// What is wrong with a variable that the host does not have.
pub(crate) const NOT_SET: &str = "is not set";

/// The host's reason for a variable that was not answered in time.
pub const NO_ANSWER: &str = "no answer in time";

/// What to do about a variable that could not be read. The host only says that a vault failed, and a vault ends the
/// search for a variable whether it has the name or not.
#[must_use]
pub fn unreadable(name: &str, reason: &str) -> String {
    let remedy = if reason.contains(NO_ANSWER) {
        "its provider did not answer: check vault_url in the runtime configuration, DNS and the network"
    } else if !reason.contains("Key Vault") {
        "set it, or fix the provider that holds it"
    } else if !name.contains('_') {
        // Names of secrets in Key Vault have no underscores; the names of all other variables do.
        "the vault cannot be reached, has no secret of this name, or refused to give it: check vault_url in the runtime \
         configuration, the network, the secret's name, and that the identity of the host has the role Key Vault Secrets \
         User"
    } else {
        "no provider before Key Vault sets it: put it in the static provider of the runtime configuration"
    };
    format!("could not be read ({reason}); {remedy}")
}
