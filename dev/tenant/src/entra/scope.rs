//! Scopes: <https://learn.microsoft.com/entra/identity-platform/scopes-oidc>.

use std::sync::Arc;

use super::{
    error::EntraError,
    permission::{Permission, is_graph},
};
use crate::directory::{
    Directory,
    app_registration::AppRegistration,
    person::Person,
    well_known::{GRAPH, GRAPH_CLIENT_ID},
};

/// Scopes that belong to no resource.
const OPENID_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// The scopes of a request, taken apart.
pub(super) struct RequestedScopes<'t> {
    /// Those that belong to no resource.
    openid: Vec<&'t str>,
    /// The others: the resource if it was written, and the permission.
    others: Vec<(Option<&'t str>, &'t str)>,
}

impl<'t> RequestedScopes<'t> {
    pub(super) fn parse(text: &'t str) -> Self {
        let (openid, others): (Vec<&str>, Vec<&str>) =
            text.split(' ').filter(|scope| !scope.is_empty()).partition(|scope| OPENID_SCOPES.contains(scope));
        let split = |scope: &'t str| match scope.rsplit_once('/') {
            Some((resource, permission)) => (Some(resource), permission),
            None => (None, scope),
        };
        Self { openid, others: others.into_iter().map(split).collect() }
    }

    pub(super) fn has(&self, openid_scope: &str) -> bool {
        self.openid.contains(&openid_scope)
    }

    /// The permissions, each of which exists.
    pub(super) fn permissions(&self, directory: &Directory) -> Result<Vec<Permission<'t>>, EntraError> {
        let permissions = self.others.iter().map(|(prefix, name)| Permission::of(directory, *prefix, name));
        let permissions = permissions.collect::<Result<Vec<_>, _>>()?;
        match permissions.len() > 1 && permissions.iter().any(Permission::is_default) {
            true => {
                let message = "The scope .default cannot be combined with other scopes of a resource.";
                Err(EntraError::new("invalid_scope", 70011, message))
            }
            false => Ok(permissions),
        }
    }

    /// Refuses scopes without a resource, for which no token can be issued.
    pub(super) fn expect_a_resource(&self) -> Result<(), EntraError> {
        match self.others.is_empty() {
            true => Err(EntraError::new("invalid_scope", 28002, "The scope is not valid: it names no resource.")),
            false => Ok(()),
        }
    }

    /// Refuses a `resource` (RFC 8707) that is not the one that the scopes name, as Entra does since March 2026.
    pub(super) fn expect_resource(&self, resource: Option<&str>) -> Result<(), EntraError> {
        let is_named = |resource: &str| self.others.iter().any(|(prefix, _)| *prefix == Some(resource));
        match resource {
            Some(resource) if !is_named(resource) => Err(EntraError::new(
                "invalid_target",
                9_010_010,
                "The parameter resource names another resource than the requested scopes.",
            )),
            _ => Ok(()),
        }
    }

    /// Refuses scopes of several resources: a token is for one.
    pub(super) fn expect_one_resource(&self) -> Result<(), EntraError> {
        let mut resources = self.others.iter().map(|(prefix, _)| match prefix.map(|name| name.trim_end_matches('/')) {
            None | Some(GRAPH_CLIENT_ID) => GRAPH,
            Some(name) => name,
        });
        let first = resources.next();
        match resources.all(|resource| Some(resource) == first) {
            true => Ok(()),
            false => Err(EntraError::new("invalid_scope", 700_022, "The scopes are of more than one resource.")),
        }
    }
}

/// The granted scope.
pub(super) struct Scope {
    pub(super) resource: Arc<AppRegistration>,
    /// The permissions, as the token's `scp` has them.
    pub(super) permissions: String,
    /// The `scope` of the answer.
    pub(super) granted: String,
}

impl Scope {
    /// Grants what was requested, if `person` consented: only for the first resource if there are several, for Graph if
    /// there is none.
    pub(super) fn grant(
        directory: &Directory,
        client: &AppRegistration,
        person: &Person,
        requested: &RequestedScopes<'_>,
    ) -> Result<Self, EntraError> {
        let permissions = requested.permissions(directory)?;
        let resource = Arc::clone(permissions.first().map_or(&directory.graph, |permission| &permission.resource));
        let (mut names, mut granted) = (Vec::new(), Vec::new());
        for permission in permissions.iter().filter(|permission| permission.resource.client_id == resource.client_id) {
            for name in permission.granted_names(directory, client, person)? {
                granted.push(permission.as_written(&name));
                names.push(name);
            }
        }
        // These are permissions of Graph too.
        if is_graph(&resource) {
            let openid = requested.openid.iter().filter(|scope| **scope != "offline_access");
            granted.extend(openid.map(|scope| (*scope).to_owned()));
        }
        let granted = granted.join(" ");
        let permissions = if names.is_empty() { granted.clone() } else { names.join(" ") };
        Ok(Self { resource, permissions, granted })
    }
}
