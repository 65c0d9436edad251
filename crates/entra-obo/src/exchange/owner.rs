//! Whose tokens are requested, remembered and stored: a person's, or the application's own.

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    caller::{person::AssertionDigest, verified_caller::VerifiedCaller},
    host::UnixTime,
};

/// Whose token it is. This also decides by which grant it is requested.
#[derive(Debug, Clone)]
pub(crate) enum Owner {
    /// A person's, on whose behalf it is requested (On-Behalf-Of).
    Person(Arc<VerifiedCaller>),
    /// The application's own, of this directory (client credentials). No person is involved.
    Application(Uuid),
}

/// Distinguishes owners in memory. An application and a person never have the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum OwnerId {
    /// The caller's own token.
    Assertion(AssertionDigest),
    /// The application in this directory.
    Application(Uuid),
}

impl Owner {
    pub(crate) fn id(&self) -> OwnerId {
        match self {
            Self::Person(caller) => OwnerId::Assertion(*caller.digest()),
            Self::Application(tenant_id) => OwnerId::Application(*tenant_id),
        }
    }

    /// The directory that issues the token.
    pub(crate) fn tenant_id(&self) -> Uuid {
        match self {
            Self::Person(caller) => caller.tenant_id(),
            Self::Application(tenant_id) => *tenant_id,
        }
    }

    /// When the caller's own token expires, after which nobody can ask for this one.
    pub(crate) fn expires(&self) -> Option<UnixTime> {
        match self {
            Self::Person(caller) => Some(caller.expires()),
            Self::Application(_) => None,
        }
    }
}
