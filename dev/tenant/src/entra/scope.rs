//! Scopes: <https://learn.microsoft.com/entra/identity-platform/scopes-oidc>.

use super::failure::Failure;
use crate::{
    application::Application,
    consents::GRANTED_BEFOREHAND,
    directory::Directory,
    graph_token::{GRAPH, GRAPH_CLIENT_ID},
    person::{ExchangeRule, Person},
};

/// Scopes that belong to no resource.
const OPENID_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];
/// All that a resource gives.
const DEFAULT: &str = ".default";
/// The delegated permission of the API, and what it means to a person.
const API_PERMISSION: (&str, &str) = ("user_impersonation", "Use the API “profile-get” as you");
/// Delegated permissions of Graph, and what they mean to a person.
const GRAPH_PERMISSIONS: [(&str, &str); 7] = [
    ("User.Read", "Read your profile"),
    ("Calendars.Read", "Read your calendars"),
    ("Files.Read", "Read your files"),
    ("Mail.Read", "Read your mail"),
    ("User.Read.All", "Read everybody's full profile"),
    ("User.ReadBasic.All", "Read everybody's basic profile"),
    ("User.ReadWrite", "Read and change your profile"),
];

/// What has permissions to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Api,
    Graph,
}

/// A permission that was asked for, of a resource that exists.
pub(super) struct Permission<'t> {
    pub(super) resource: Resource,
    /// The resource as the client wrote it, which it need not do for Graph.
    prefix: Option<&'t str>,
    /// The permission in its own spelling, or `.default`.
    pub(super) name: &'static str,
}

/// The scopes of a request, taken apart.
pub(super) struct RequestedScopes<'t> {
    /// Those that belong to no resource.
    openid: Vec<&'t str>,
    /// The others: the resource as written, the permission as written.
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
    pub(super) fn permissions(&self, directory: &Directory) -> Result<Vec<Permission<'t>>, Failure> {
        self.others.iter().map(|(prefix, permission)| self.permission(directory, *prefix, permission)).collect()
    }

    fn permission(
        &self,
        directory: &Directory,
        prefix: Option<&'t str>,
        permission: &str,
    ) -> Result<Permission<'t>, Failure> {
        let resource = resource(directory, prefix)?;
        let names: Vec<&'static str> = match resource {
            Resource::Api => vec![API_PERMISSION.0],
            Resource::Graph => GRAPH_PERMISSIONS.map(|(name, _)| name).to_vec(),
        };
        let name = names.into_iter().find(|name| name.eq_ignore_ascii_case(permission));
        match name {
            Some(name) => Ok(Permission { resource, prefix, name }),
            None if permission == DEFAULT && self.others.len() == 1 => {
                Ok(Permission { resource, prefix, name: DEFAULT })
            }
            None if permission == DEFAULT => {
                let message = "The scope .default cannot stand beside other scopes of a resource.";
                Err(Failure::new("invalid_scope", 70011, message))
            }
            None => {
                let message = format!("The scope '{permission}' is not valid: the resource has no such permission.");
                Err(Failure::new("invalid_scope", 70011, message))
            }
        }
    }

    /// Refuses scopes without a resource: there is nothing to exchange a token for.
    pub(super) fn expect_a_resource(&self) -> Result<(), Failure> {
        match self.others.is_empty() {
            true => Err(Failure::new("invalid_scope", 28002, "The scope is not valid: it asks for no resource.")),
            false => Ok(()),
        }
    }

    /// Refuses scopes of several resources: a token is for one.
    pub(super) fn expect_one_resource(&self) -> Result<(), Failure> {
        let mut resources = self.others.iter().map(|(prefix, _)| match prefix.map(|name| name.trim_end_matches('/')) {
            None | Some(GRAPH_CLIENT_ID) => GRAPH,
            Some(name) => name,
        });
        let first = resources.next();
        match resources.all(|resource| Some(resource) == first) {
            true => Ok(()),
            false => Err(Failure::new("invalid_scope", 700_022, "The scopes are of more than one resource.")),
        }
    }
}

fn resource(directory: &Directory, prefix: Option<&str>) -> Result<Resource, Failure> {
    let api = &directory.api;
    match prefix.map(|name| name.trim_end_matches('/')) {
        None | Some(GRAPH | GRAPH_CLIENT_ID) => Ok(Resource::Graph),
        Some(name) if name == api.client_id || name == api.id_uri() => Ok(Resource::Api),
        Some(name) => {
            Err(Failure::new("invalid_resource", 500_011, format!("There is no resource '{name}' in this tenant.")))
        }
    }
}

/// What a token is granted for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) resource: Resource,
    /// The permissions, as the token's `scp` has them.
    pub(super) permissions: String,
    /// The `scope` of the answer: each permission after its resource where the client wrote it so.
    pub(super) granted: String,
}

impl Scope {
    /// Grants what was asked for, if `person` agreed: of the first resource alone if there are several, of Graph if
    /// there is none.
    pub(super) fn grant(
        directory: &Directory,
        client: &Application,
        person: &Person,
        requested: &RequestedScopes<'_>,
    ) -> Result<Self, Failure> {
        let permissions = requested.permissions(directory)?;
        let resource = permissions.first().map_or(Resource::Graph, |permission| permission.resource);
        let (mut names, mut granted) = (Vec::new(), Vec::new());
        for permission in permissions.iter().filter(|permission| permission.resource == resource) {
            for name in permission.granted_names(directory, client, person)? {
                granted.push(match permission.prefix {
                    Some(prefix) => format!("{prefix}/{name}"),
                    None => name.to_owned(),
                });
                names.push(name);
            }
        }
        // These are permissions of Graph too.
        if resource == Resource::Graph {
            let openid = requested.openid.iter().filter(|scope| **scope != "offline_access");
            granted.extend(openid.map(|scope| (*scope).to_owned()));
        }
        let permissions = if names.is_empty() { granted.join(" ") } else { names.join(" ") };
        Ok(Self { resource, permissions, granted: granted.join(" ") })
    }
}

impl Permission<'_> {
    /// What this stands for in a token, if `person` agreed.
    fn granted_names(
        &self,
        directory: &Directory,
        client: &Application,
        person: &Person,
    ) -> Result<Vec<&'static str>, Failure> {
        let agreed = |name: &str| directory.consents.covers(client, name, person);
        let names: Vec<&'static str> = match self.resource {
            Resource::Api if client.client_id == directory.api.client_id => {
                return Err(Failure::new(
                    "invalid_request",
                    90009,
                    "An application cannot ask for a token for itself.",
                ));
            }
            Resource::Api => vec![API_PERMISSION.0],
            Resource::Graph if self.name == DEFAULT => {
                GRAPH_PERMISSIONS.map(|(name, _)| name).into_iter().filter(|name| agreed(name)).collect()
            }
            Resource::Graph => [self.name].into_iter().filter(|name| agreed(name)).collect(),
        };
        match names.is_empty() {
            true => Err(consent_missing(client, person)),
            false => Ok(names),
        }
    }

    /// The permissions of Graph that the person has to agree to for this: of `client` itself, or of the API where
    /// all of the API is asked for. It knows `client`, and so consent to both is asked at once:
    /// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow#default-and-combined-consent>.
    pub(super) fn consents<'d>(
        &self,
        directory: &'d Directory,
        client: &'d Application,
    ) -> Vec<(&'d Application, &'static str)> {
        let default = GRANTED_BEFOREHAND;
        match (self.resource, self.name) {
            (Resource::Api, DEFAULT) => default.map(|name| (&directory.api, name)).to_vec(),
            (Resource::Api, _) => Vec::new(),
            (Resource::Graph, DEFAULT) => default.map(|name| (client, name)).to_vec(),
            (Resource::Graph, name) => vec![(client, name)],
        }
    }

    /// What this means to a person, in a list of things to agree to.
    pub(super) fn meanings(&self) -> Vec<String> {
        let meaning = |name: &str| {
            let known = GRAPH_PERMISSIONS.into_iter().find(|(known, _)| *known == name);
            known.map_or(name, |(_, meaning)| meaning).to_owned()
        };
        let default = GRANTED_BEFOREHAND;
        match (self.resource, self.name) {
            (Resource::Api, DEFAULT) => {
                let through_it = default.map(|name| format!("Through that API: {}", meaning(name)));
                [vec![API_PERMISSION.1.to_owned()], through_it.to_vec()].concat()
            }
            (Resource::Api, _) => vec![API_PERMISSION.1.to_owned()],
            (Resource::Graph, DEFAULT) => default.map(meaning).to_vec(),
            (Resource::Graph, name) => vec![meaning(name)],
        }
    }
}

/// AADSTS65001, or AADSTS90094 where the person may not consent alone.
fn consent_missing(client: &Application, person: &Person) -> Failure {
    if person.exchange == ExchangeRule::NeedsAdminConsent {
        return Failure::new("invalid_grant", 90094, "The grant needs the permission of an administrator.");
    }
    let message = format!(
        "Nobody consented to the application '{}' named '{}'. The person has to sign in interactively and consent.",
        client.client_id, client.display_name
    );
    Failure::new("invalid_grant", 65001, message).suberror("consent_required")
}
