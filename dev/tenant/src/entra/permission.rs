//! Delegated permissions: what clients request, and what they are granted.

use std::sync::Arc;

use super::error::EntraError;
use crate::directory::{
    Directory,
    app_registration::{AppRegistration, Installation},
    manifest::PermissionScope,
    person::{ExchangeRule, Person},
    well_known::{GRAPH_CLIENT_ID, MICROSOFT_ACCOUNT_TENANT},
};

/// All permissions of a resource.
const DEFAULT: &str = ".default";

/// A requested permission.
pub(super) struct Permission<'t> {
    pub(super) resource: Arc<AppRegistration>,
    /// The resource as the client wrote it, which it need not do for Graph.
    prefix: Option<&'t str>,
    /// `None` for `.default`.
    scope: Option<PermissionScope>,
}

/// A consent that a client needs for a permission.
pub(super) struct NeededConsent {
    pub(super) client: Arc<AppRegistration>,
    pub(super) resource: Arc<AppRegistration>,
    pub(super) scope: String,
}

/// The resource by its Application ID URI or client id; Graph where there is none.
pub(super) fn find_resource(directory: &Directory, name: Option<&str>) -> Result<Arc<AppRegistration>, EntraError> {
    let Some(name) = name.map(|name| name.trim_end_matches('/')) else { return Ok(Arc::clone(&directory.graph)) };
    let is_usable = |resource: &AppRegistration| {
        let home = &directory.tenant_id;
        resource.is_called(name)
            && resource.lag.has_passed()
            && resource.installation(home, home) == Installation::Installed
    };
    directory.applications.find(is_usable).ok_or_else(|| {
        let message = format!("There is no resource '{name}' in this tenant.");
        EntraError::new("invalid_resource", 500_011, message)
    })
}

pub(super) fn is_graph(resource: &AppRegistration) -> bool {
    resource.client_id == GRAPH_CLIENT_ID
}

impl<'t> Permission<'t> {
    /// The permission called `name`, in any letter case, of the resource called `prefix`.
    pub(super) fn of(directory: &Directory, prefix: Option<&'t str>, name: &str) -> Result<Self, EntraError> {
        let resource = find_resource(directory, prefix)?;
        let scope = resource.scope(name);
        if scope.is_none() && !name.eq_ignore_ascii_case(DEFAULT) {
            let message = format!("The scope '{name}' is not valid: the resource has no such permission.");
            return Err(EntraError::new("invalid_scope", 70011, message));
        }
        Ok(Self { resource, prefix, scope })
    }

    pub(super) fn is_default(&self) -> bool {
        self.scope.is_none()
    }

    /// The names of the granted permissions in a token of `client` for `person`.
    pub(super) fn granted_names(
        &self,
        directory: &Directory,
        client: &AppRegistration,
        person: &Person,
    ) -> Result<Vec<String>, EntraError> {
        if client.client_id == self.resource.client_id {
            return Err(EntraError::new("invalid_request", 90009, "An application cannot request a token for itself."));
        }
        let manifest = self.resource.manifest();
        let is_granted = |scope: &&PermissionScope| {
            manifest.pre_authorizes(&client.client_id, scope)
                || directory.consents.covers(client, &self.resource, &scope.value, person)
        };
        let names: Vec<String> = match &self.scope {
            Some(scope) => Some(scope).filter(is_granted).into_iter().map(|scope| scope.value.clone()).collect(),
            None => manifest.scopes().filter(is_granted).map(|scope| scope.value.clone()).collect(),
        };
        match names.is_empty() {
            true => Err(consent_missing(client, person)),
            false => Ok(names),
        }
    }

    /// A granted name as the response's `scope` has it: after its resource if the client wrote it so.
    pub(super) fn as_written(&self, name: &str) -> String {
        match self.prefix {
            Some(prefix) => format!("{prefix}/{name}"),
            None => name.to_owned(),
        }
    }

    /// The consents that `client` needs for this. For all of an API, they include those of the API itself if it lists
    /// `client` as a known client:
    /// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow#default-and-combined-consent>.
    pub(super) fn consents(&self, directory: &Directory, client: &Arc<AppRegistration>) -> Vec<NeededConsent> {
        let resource = &self.resource;
        let manifest = resource.manifest();
        let names = match &self.scope {
            Some(scope) => vec![scope.value.clone()],
            None => resource.scope_names(client.manifest().required_scopes(&resource.client_id)),
        };
        let needs_consent =
            |name: &String| manifest.scope(name).is_none_or(|scope| !manifest.pre_authorizes(&client.client_id, scope));
        let needed = |client: &Arc<AppRegistration>, resource: &Arc<AppRegistration>, scope| NeededConsent {
            client: Arc::clone(client),
            resource: Arc::clone(resource),
            scope,
        };
        let own = names.into_iter().filter(needs_consent).map(|name| needed(client, resource, name));
        let mut consents: Vec<NeededConsent> = own.collect();
        if self.is_default() && manifest.api.known_client_applications.contains(&client.client_id) {
            for access in &manifest.required_resource_access {
                let Some(further) = directory.applications.by_client_id(&access.resource_app_id) else { continue };
                let names = further.scope_names(manifest.required_scopes(&access.resource_app_id));
                consents.extend(names.into_iter().map(|name| needed(resource, &further, name)));
            }
        }
        consents
    }

    /// The descriptions for the consent page of `client`.
    pub(super) fn descriptions(&self, directory: &Directory, client: &Arc<AppRegistration>) -> Vec<String> {
        let describe = |resource: &AppRegistration, name: &str| {
            let scope = resource.scope(name);
            scope.and_then(|scope| scope.user_consent_display_name).unwrap_or_else(|| name.to_owned())
        };
        let own = match &self.scope {
            Some(scope) => vec![scope.value.clone()],
            None => self.resource.scope_names(client.manifest().required_scopes(&self.resource.client_id)),
        };
        let own = own.into_iter().map(|name| describe(&self.resource, &name));
        let through = self.consents(directory, client).into_iter().filter(|it| it.client.client_id != client.client_id);
        own.chain(through.map(|it| format!("Through that API: {}", describe(&it.resource, &it.scope)))).collect()
    }
}

/// AADSTS65001, AADSTS90094 if an administrator has to consent, or AADSTS70000 for personal accounts.
fn consent_missing(client: &AppRegistration, person: &Person) -> EntraError {
    if person.exchange == ExchangeRule::NeedsAdminConsent {
        return EntraError::new("invalid_grant", 90094, "The grant needs the permission of an administrator.");
    }
    if person.tenant_id == MICROSOFT_ACCOUNT_TENANT {
        let message = "A scope is not authorized, or no longer. The person has to sign in and grant the client access.";
        return EntraError::new("invalid_grant", 70000, message);
    }
    let message = format!(
        "Nobody consented to the application '{}' named '{}'. The person has to sign in interactively and consent.",
        client.client_id,
        client.display_name()
    );
    EntraError::new("invalid_grant", 65001, message).suberror("consent_required")
}
