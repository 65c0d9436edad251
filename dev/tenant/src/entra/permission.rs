//! The delegated permissions that the resources of this tenant have to give.

use super::error::EntraError;
use crate::directory::{
    Directory,
    app_registration::AppRegistration,
    consents::GRANTED_BEFOREHAND,
    person::{ExchangeRule, Person},
    well_known::{GRAPH, GRAPH_CLIENT_ID, MICROSOFT_ACCOUNT_TENANT},
};

/// All permissions of a resource.
const DEFAULT: &str = ".default";
/// The API's permission, with its description for users.
const OF_API: [(&str, &str); 1] = [("user_impersonation", "Use the API “profile-get” as you")];
/// Graph's permissions, with their descriptions for users.
const OF_GRAPH: [(&str, &str); 7] = [
    ("User.Read", "Read your profile"),
    ("Calendars.Read", "Read your calendars"),
    ("Files.Read", "Read your files"),
    ("Mail.Read", "Read your mail"),
    ("User.Read.All", "Read everybody's full profile"),
    ("User.ReadBasic.All", "Read everybody's basic profile"),
    ("User.ReadWrite", "Read and change your profile"),
];

/// A resource with permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Api,
    Graph,
}

impl Resource {
    /// The resource by its Application ID URI or client id; Graph where there is none.
    pub(super) fn of(directory: &Directory, name: Option<&str>) -> Result<Self, EntraError> {
        let api = &directory.api;
        match name.map(|name| name.trim_end_matches('/')) {
            None | Some(GRAPH | GRAPH_CLIENT_ID) => Ok(Self::Graph),
            Some(name) if api.is_called(name) => Ok(Self::Api),
            Some(name) => {
                let message = format!("There is no resource '{name}' in this tenant.");
                Err(EntraError::new("invalid_resource", 500_011, message))
            }
        }
    }

    fn permissions(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Api => &OF_API,
            Self::Graph => &OF_GRAPH,
        }
    }
}

/// A requested permission.
pub(super) struct Permission<'t> {
    pub(super) resource: Resource,
    /// The resource as the client wrote it, which it need not do for Graph.
    prefix: Option<&'t str>,
    /// In its own spelling, or `.default`.
    name: &'static str,
}

impl<'t> Permission<'t> {
    /// The permission that `name` is, in any letter case, of the resource that `prefix` is.
    pub(super) fn of(directory: &Directory, prefix: Option<&'t str>, name: &str) -> Result<Self, EntraError> {
        let resource = Resource::of(directory, prefix)?;
        let names = resource.permissions().iter().map(|(name, _)| *name).chain([DEFAULT]);
        let known = names.into_iter().find(|known| known.eq_ignore_ascii_case(name));
        let name = known.ok_or_else(|| {
            let message = format!("The scope '{name}' is not valid: the resource has no such permission.");
            EntraError::new("invalid_scope", 70011, message)
        })?;
        Ok(Self { resource, prefix, name })
    }

    pub(super) fn is_default(&self) -> bool {
        self.name == DEFAULT
    }

    /// The names of the granted permissions in a token of `client` for `person`.
    pub(super) fn granted_names(
        &self,
        directory: &Directory,
        client: &AppRegistration,
        person: &Person,
    ) -> Result<Vec<&'static str>, EntraError> {
        if self.resource == Resource::Api {
            return match client.client_id == directory.api.client_id {
                true => {
                    Err(EntraError::new("invalid_request", 90009, "An application cannot request a token for itself."))
                }
                false => Ok(OF_API.map(|(name, _)| name).to_vec()),
            };
        }
        let mut names = OF_GRAPH.map(|(name, _)| name).to_vec();
        names.retain(|name| self.is_default() || self.name == *name);
        names.retain(|name| directory.consents.covers(client, name, person));
        match names.is_empty() {
            true => Err(consent_missing(client, person)),
            false => Ok(names),
        }
    }

    /// A granted name as the answer's `scope` has it: after its resource if the client wrote it so.
    pub(super) fn as_written(&self, name: &str) -> String {
        match self.prefix {
            Some(prefix) => format!("{prefix}/{name}"),
            None => name.to_owned(),
        }
    }

    /// The permissions of Graph that the person has to agree to for this: of `client` itself, or of the API where
    /// all of the API is requested. It lists `client` as a known client, so one consent covers both:
    /// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow#default-and-combined-consent>.
    pub(super) fn consents<'d>(
        &self,
        directory: &'d Directory,
        client: &'d AppRegistration,
    ) -> Vec<(&'d AppRegistration, &'static str)> {
        match (self.resource, self.is_default()) {
            (Resource::Api, true) => GRANTED_BEFOREHAND.map(|name| (&directory.api, name)).to_vec(),
            (Resource::Api, false) => Vec::new(),
            (Resource::Graph, true) => GRANTED_BEFOREHAND.map(|name| (client, name)).to_vec(),
            (Resource::Graph, false) => vec![(client, self.name)],
        }
    }

    /// The descriptions for the consent page.
    pub(super) fn meanings(&self) -> Vec<String> {
        let of_graph = OF_GRAPH.into_iter().filter(|(name, _)| match self.is_default() {
            true => GRANTED_BEFOREHAND.contains(name),
            false => self.name == *name,
        });
        let of_api = OF_API.into_iter().map(|(_, meaning)| meaning.to_owned());
        match (self.resource, self.is_default()) {
            (Resource::Graph, _) => of_graph.map(|(_, meaning)| meaning.to_owned()).collect(),
            (Resource::Api, false) => of_api.collect(),
            (Resource::Api, true) => {
                of_api.chain(of_graph.map(|(_, meaning)| format!("Through that API: {meaning}"))).collect()
            }
        }
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
        client.client_id, client.display_name
    );
    EntraError::new("invalid_grant", 65001, message).suberror("consent_required")
}
