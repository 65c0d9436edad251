//! Where the client credential comes from.

use std::time::Duration;

use crate::{
    credential::{
        client_credential::ClientCredential, fault::CredentialFault, managed_identity::ManagedIdentity,
        secret_variable, token_file::TokenFile,
    },
    deadline::Deadline,
    host::Host,
};

/// How long a secret or certificate is used before it is read again. Spin asks Key Vault each time and caches nothing. A
/// rotated secret is picked up earlier: as soon as Entra refuses the old one.
const FRESH: Duration = Duration::from_secs(600);

/// How long a credential is used if it cannot be read again. Most likely it is still right, and Entra says so if it is
/// not.
const USABLE: Duration = Duration::from_secs(24 * 3600);

/// A managed identity's token is renewed when it has this much left, or half of its life if that is less. Microsoft's
/// libraries renew theirs then, too.
const RENEWAL_MARGIN: Duration = Duration::from_secs(300);

/// A managed identity's token is kept for this long even if it has expired by this machine's clock, which may be wrong:
/// Entra's decides. Without this limit each exchange would ask the platform, which throttles.
const SHORTEST_LIFE: Duration = Duration::from_secs(5);

/// Where the client credential of an API comes from (RFC 6749 section 2.3). Microsoft recommends keeping no secret at all:
/// <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// The host's setting `client_secret`: a client secret, or a certificate with its private key.
    #[default]
    Secret,
    /// A file with a federated token.
    TokenFile(TokenFile),
    /// A managed identity of Azure.
    ManagedIdentity(ManagedIdentity),
}

/// A credential, and how long it is kept.
pub(super) struct Loaded {
    pub(super) credential: ClientCredential,
    /// Until it is read again.
    pub(super) fresh: Duration,
    /// If it cannot be read again.
    pub(super) usable: Duration,
}

impl ClientAuthentication {
    /// Reads or requests the credential.
    pub(super) async fn load<H: Host>(&self, host: &H, deadline: Deadline) -> Result<Loaded, CredentialFault> {
        match self {
            Self::Secret => {
                let credential = secret_variable::load(host, deadline).await?;
                Ok(Loaded { credential, fresh: FRESH, usable: USABLE })
            }
            Self::TokenFile(file) => {
                let token = file.read(host, deadline).await?;
                let usable =
                    token.expires().map_or(USABLE, |end| Duration::from_secs(end.since(host.now())).min(USABLE));
                Ok(Loaded { credential: ClientCredential::Federated(token), fresh: Duration::ZERO, usable })
            }
            Self::ManagedIdentity(identity) => {
                let (token, life) = identity.token(host, deadline).await?;
                let life = life.max(SHORTEST_LIFE);
                let fresh = life.saturating_sub(RENEWAL_MARGIN.min(life / 2));
                Ok(Loaded { credential: ClientCredential::Federated(token), fresh, usable: life })
            }
        }
    }

    /// Whether the credential is read each time that it is used.
    pub(super) const fn is_read_each_time(&self) -> bool {
        matches!(self, Self::TokenFile(_))
    }
}
