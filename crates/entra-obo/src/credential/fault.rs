//! Why there is no client credential.

use std::{fmt, time::Duration};

use crate::{
    host::FileFault,
    settings::fault::{NOT_SET, SettingFault, unreadable},
    upstream::call::{FaultKind, UpstreamFault},
};

/// Why there is no credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CredentialFault {
    /// The value of `clientsecret`.
    Variable(SettingFault),
    /// The component is not given it, as `client_secret`: the host's own words.
    Undefined(String),
    /// The file of the federated token could not be read.
    File(FileFault),
    /// The file holds no token: what it holds instead.
    NotAToken(&'static str),
    /// The managed identity's endpoint gave no token.
    ManagedIdentity(UpstreamFault),
    /// The request that needed it ran out of time.
    OutOfTime,
}

impl CredentialFault {
    /// Whether a variable is at fault, without which the host may refuse each call.
    pub(crate) const fn is_of_variable(&self) -> bool {
        matches!(self, Self::Variable(_) | Self::Undefined(_))
    }

    /// The `Retry-After` of the managed identity's endpoint, if it sent one.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::ManagedIdentity(fault) => fault.retry_after(),
            _ => None,
        }
    }
}

/// In words for the log. `clientsecret` is the operator's name for the secret, `client_secret` the component's.
impl fmt::Display for CredentialFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(SettingFault::Wrong(fault)) => write!(formatter, "wrong variables: clientsecret: {fault}"),
            Self::Undefined(reason) => write!(formatter, "wrong variables: client_secret: {NOT_SET} ({reason})"),
            Self::Variable(SettingFault::Unreadable(reason)) => {
                write!(formatter, "variable clientsecret {}", unreadable("clientsecret", reason))
            }
            Self::File(FileFault::Missing) => formatter.write_str(
                "there is no file federated_token_file: see that the pod has the token's volume and that the component's \
                 files in spin.toml name its folder",
            ),
            Self::File(FileFault::Unreadable(reason)) => {
                write!(formatter, "federated_token_file could not be read ({reason}); check its permissions")
            }
            Self::NotAToken(words) => {
                write!(formatter, "what is in federated_token_file {words}; set the path of a service account token")
            }
            Self::ManagedIdentity(fault) => {
                fault.fmt(formatter)?;
                match fault.kind {
                    FaultKind::Send(_) => formatter.write_str("; check identity_endpoint"),
                    FaultKind::Unusable(_) | FaultKind::Unavailable(..) => Ok(()),
                }
            }
            Self::OutOfTime => formatter.write_str("the request ran out of time"),
        }
    }
}
