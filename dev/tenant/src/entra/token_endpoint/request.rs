//! A request to the token endpoint.

use crate::{
    directory::{Directory, person::Person},
    entra::{authority::Authority, error::EntraError, parameters::Parameters},
    wire::IncomingRequest,
};

/// A token request whose form could be read.
pub(super) struct TokenRequest<'a> {
    pub(super) directory: &'a Directory,
    pub(super) incoming: &'a IncomingRequest,
    pub(super) authority: Authority<'a>,
    pub(super) form: Parameters,
}

impl TokenRequest<'_> {
    /// Refuses a person of another tenant than the path names.
    pub(super) fn check_tenant_of(&self, person: &Person) -> Result<(), EntraError> {
        match self.authority {
            Authority::Single(tenant_id) if tenant_id != person.tenant_id => {
                let message =
                    format!("The account does not exist in the tenant '{tenant_id}'. Use its own one's endpoint.");
                Err(EntraError::new("invalid_grant", 50020, message))
            }
            Authority::Single(_) | Authority::Any => Ok(()),
        }
    }
}
