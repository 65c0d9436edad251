//! Who agreed that an application may use which permission of Graph.

use std::collections::HashSet;

use parking_lot::RwLock;

use super::{
    app_registration::AppRegistration,
    person::{ExchangeRule, Person},
};

/// Permissions of Graph to which all people have consented before the start, except for those whose
/// behaviour is not to have agreed.
pub(crate) const GRANTED_BEFOREHAND: [&str; 1] = ["User.Read"];

/// The consents given while the emulator runs.
#[derive(Default)]
pub(crate) struct Consents(RwLock<HashSet<Consent>>);

#[derive(PartialEq, Eq, Hash)]
struct Consent {
    client_id: String,
    permission: String,
    /// The object id of a person, or the id of a directory whose administrator consented for everybody.
    given_by: String,
}

impl Consents {
    /// Records that the person, or the administrator of the directory, with the id `given_by` agreed.
    pub(crate) fn give(&self, client: &AppRegistration, permission: &str, given_by: &str) {
        self.0.write().insert(Consent {
            client_id: client.client_id.clone(),
            permission: permission.to_owned(),
            given_by: given_by.to_owned(),
        });
    }

    /// Whether `client` may use `permission` on behalf of `person`.
    pub(crate) fn covers(&self, client: &AppRegistration, permission: &str, person: &Person) -> bool {
        let beforehand = GRANTED_BEFOREHAND.contains(&permission)
            && !matches!(person.exchange, ExchangeRule::NeverConsented | ExchangeRule::NeedsAdminConsent);
        let given = |given_by: &str| {
            self.0.read().contains(&Consent {
                client_id: client.client_id.clone(),
                permission: permission.to_owned(),
                given_by: given_by.to_owned(),
            })
        };
        beforehand || given(&person.object_id) || given(&person.tenant_id)
    }
}
