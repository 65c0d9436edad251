//! App roles: what an application may do with an API by itself, without a person.
//! <https://learn.microsoft.com/entra/identity-platform/permissions-consent-overview#types-of-permissions>

use parking_lot::RwLock;

use super::app_registration::AppRegistration;

/// The roles that were assigned to applications.
#[derive(Default)]
pub(crate) struct RoleAssignments(RwLock<Vec<RoleAssignment>>);

#[derive(PartialEq, Eq)]
struct RoleAssignment {
    client_id: String,
    resource_id: String,
    role: String,
}

impl RoleAssignments {
    /// Assigns a role of `resource` to `client`; `false` if it has no such role.
    pub(crate) fn assign(&self, client: &AppRegistration, resource: &AppRegistration, role: &str) -> bool {
        let is_offered = resource.roles.iter().any(|offered| offered.value == role);
        let assignment = RoleAssignment {
            client_id: client.client_id.clone(),
            resource_id: resource.client_id.clone(),
            role: role.to_owned(),
        };
        let mut assignments = self.0.write();
        if is_offered && !assignments.contains(&assignment) {
            assignments.push(assignment);
        }
        is_offered
    }

    /// The roles of `resource` that `client` has.
    pub(crate) fn of(&self, client: &AppRegistration, resource: &AppRegistration) -> Vec<String> {
        let assignments = self.0.read();
        let is_meant =
            |one: &&RoleAssignment| one.client_id == client.client_id && one.resource_id == resource.client_id;
        assignments.iter().filter(is_meant).map(|one| one.role.clone()).collect()
    }

    /// Withdraws all roles from an application, and all of an application's own.
    pub(crate) fn withdraw(&self, client_id: &str) {
        self.0.write().retain(|one| one.client_id != client_id && one.resource_id != client_id);
    }
}
