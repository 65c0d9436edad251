//! Which directory a path of the login host names, and in which version of the endpoints.

use super::error::EntraError;
use crate::directory::{Directory, well_known::MICROSOFT_ACCOUNT_TENANT};

/// The two versions of Entra's endpoints, which differ in issuers and claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// The authority in the first segment of a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Authority<'d> {
    /// One directory, by its id.
    Single(&'d str),
    /// `common` or `organizations`: the account decides.
    Any,
}

impl<'d> Authority<'d> {
    /// Reads the segment: a GUID, a domain, or one of Entra's words.
    pub(super) fn of(directory: &'d Directory, segment: &str) -> Result<Self, EntraError> {
        match segment {
            "common" | "organizations" => Ok(Self::Any),
            _ => directory.tenant_id_of(segment).map(Self::Single).ok_or_else(|| EntraError::unknown_tenant(segment)),
        }
    }

    /// How URLs and issuers of this authority name it.
    pub(super) fn placeholder(&self) -> &str {
        match self {
            Self::Single(tenant_id) => tenant_id,
            Self::Any => "{tenantid}",
        }
    }

    /// Whether keys of personal Microsoft accounts are among its keys.
    pub(super) fn has_microsoft_accounts(&self) -> bool {
        matches!(self, Self::Any | Self::Single(MICROSOFT_ACCOUNT_TENANT))
    }
}
