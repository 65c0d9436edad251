//! Consents: which application may use which permission of a resource, on whose behalf.

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{
    app_registration::{AppRegistration, Origin},
    lag::Lag,
    person::{ExchangeRule, Person},
    well_known::GRAPH_CLIENT_ID,
};
use crate::random;

/// Permissions of Graph to which all people have consented for the built-in applications, except for those whose
/// behaviour is not to have consented.
const GRANTED_BEFOREHAND: [&str; 1] = ["User.Read"];

/// A grant of delegated permissions: <https://learn.microsoft.com/graph/api/resources/oauth2permissiongrant>.
pub(crate) struct PermissionGrant {
    pub(crate) id: String,
    /// The client id of the application.
    pub(crate) client_id: String,
    /// The client id of the resource.
    pub(crate) resource_id: String,
    pub(crate) given_by: GivenBy,
    /// The names of permissions.
    pub(crate) scopes: Vec<String>,
    pub(crate) lag: Lag,
}

/// Who gave a consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GivenBy {
    /// An administrator of this directory, for everyone in it.
    Administrator { tenant_id: String },
    /// The person with this object id.
    Person { object_id: String },
}

impl GivenBy {
    fn is_valid_for(&self, person: &Person) -> bool {
        match self {
            Self::Administrator { tenant_id } => *tenant_id == person.tenant_id,
            Self::Person { object_id } => *object_id == person.object_id,
        }
    }
}

/// The consents given while the emulator runs.
#[derive(Default)]
pub(crate) struct Consents(RwLock<Vec<PermissionGrant>>);

impl Consents {
    pub(crate) fn grants(&self) -> RwLockReadGuard<'_, Vec<PermissionGrant>> {
        self.0.read()
    }

    pub(crate) fn grants_mut(&self) -> RwLockWriteGuard<'_, Vec<PermissionGrant>> {
        self.0.write()
    }

    /// Records a consent.
    pub(crate) fn give(&self, client: &AppRegistration, resource: &AppRegistration, scope: &str, given_by: GivenBy) {
        let mut grants = self.grants_mut();
        let same = grants.iter_mut().find(|grant| {
            grant.client_id == client.client_id && grant.resource_id == resource.client_id && grant.given_by == given_by
        });
        match same {
            Some(grant) if grant.scopes.iter().any(|own| own == scope) => {}
            Some(grant) => grant.scopes.push(scope.to_owned()),
            None => grants.push(PermissionGrant {
                id: random::token_id(),
                client_id: client.client_id.clone(),
                resource_id: resource.client_id.clone(),
                given_by,
                scopes: vec![scope.to_owned()],
                lag: Lag::new(0),
            }),
        }
    }

    /// Whether `client` may use the permission `scope` of `resource` on behalf of `person`.
    pub(crate) fn covers(
        &self,
        client: &AppRegistration,
        resource: &AppRegistration,
        scope: &str,
        person: &Person,
    ) -> bool {
        let beforehand = matches!(client.origin, Origin::BuiltIn(_))
            && resource.client_id == GRAPH_CLIENT_ID
            && GRANTED_BEFOREHAND.contains(&scope)
            && !matches!(person.exchange, ExchangeRule::NeverConsented | ExchangeRule::NeedsAdminConsent);
        beforehand
            || self.grants().iter().any(|grant| {
                grant.client_id == client.client_id
                    && grant.resource_id == resource.client_id
                    && grant.given_by.is_valid_for(person)
                    && grant.scopes.iter().any(|own| own == scope)
                    && grant.lag.has_passed()
            })
    }
}
