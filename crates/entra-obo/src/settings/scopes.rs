//! Scopes that callers need, and scopes that are requested for Graph.

use uuid::Uuid;

use crate::settings::{address, ids, reader::list};

/// The most that Entra takes for a scope that an API exposes.
/// <https://learn.microsoft.com/entra/identity-platform/supported-accounts-validation>
const MAX_CHARACTERS: usize = 120;

/// Scopes that belong to no API (OpenID Connect Core 1.0 sections 5.4 and 11).
pub const OPENID: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// What clients may write before a scope of this API: its URIs and its id.
pub(crate) struct Prefixes<'a> {
    pub(crate) client_id: Uuid,
    pub(crate) application_id_uris: &'a [String],
}

/// Scopes as tokens have them in `scp`, without the prefix with which clients request them.
///
/// `prefixes` are missing where they have faults of their own. `graph_scopes` are those that are requested for Graph.
pub(crate) fn required(text: &str, prefixes: Option<&Prefixes<'_>>, graph_scopes: &str) -> Result<Vec<String>, String> {
    let scopes = list(text, |item| {
        let own = prefixes.and_then(|prefixes| prefixes.strip_from(item));
        match own {
            Some(name) => check_name(name)?,
            None => {
                check_is_bare(item, prefixes.is_some())?;
                check_name(item)?;
                check_is_not_graphs(item, graph_scopes)?;
            }
        }
        Ok(own.unwrap_or(item).to_owned())
    })?;
    if scopes.is_empty() {
        return Err("is empty; set the scope that callers need".to_owned());
    }
    Ok(scopes)
}

impl Prefixes<'_> {
    fn strip_from<'t>(&self, scope: &'t str) -> Option<&'t str> {
        let own = [format!("api://{}", self.client_id), self.client_id.to_string()];
        own.iter().chain(self.application_id_uris).find_map(|prefix| {
            let (start, rest) = scope.split_at_checked(prefix.len())?;
            rest.strip_prefix('/').filter(|_| start.eq_ignore_ascii_case(prefix))
        })
    }
}

fn check_is_bare(scope: &str, prefixes_are_known: bool) -> Result<(), String> {
    let first = scope.split('/').next().unwrap_or_default();
    if prefixes_are_known && (scope.contains("://") || ids::guid(first).is_ok()) {
        return Err(
            "has the prefix of another API; write only the name, as tokens have it in scp, like access_as_user, or \
                    list this API's URI in application_id_uris"
                .to_owned(),
        );
    }
    Ok(())
}

/// What an app registration takes as the name of a scope; RFC 6749 section 3.3 has the same characters.
/// <https://learn.microsoft.com/graph/api/resources/permissionscope>
fn check_name(name: &str) -> Result<(), String> {
    if name.eq_ignore_ascii_case(".default") || name.ends_with("/.default") {
        return Err(
            "is .default, which clients request and no token has; set the name of a scope that this API exposes"
                .to_owned(),
        );
    }
    if name.is_empty() || name.starts_with('.') || !is_scope_token(name) {
        return Err("is not a scope that an app registration can expose; set its name, like access_as_user".to_owned());
    }
    if name.len() > MAX_CHARACTERS {
        return Err("is longer than 120 characters, which is the most that Entra takes".to_owned());
    }
    Ok(())
}

/// A token for this API has only this API's scopes. One that has the name of a permission of Graph is recognised by its
/// prefix.
fn check_is_not_graphs(name: &str, graph_scopes: &str) -> Result<(), String> {
    if OPENID.contains(&name) {
        return Err(
            "is a scope of OpenID Connect, which no access token for an API has; set a scope that this API exposes"
                .to_owned(),
        );
    }
    let is_graphs = graph_scopes.split(' ').any(|scope| scope.rsplit('/').next() == Some(name));
    if is_graphs || name.starts_with("User.Read") {
        return Err("is a permission of Microsoft Graph, which no token for this API has; set a scope that this API \
                    exposes, with api://<client id>/ before it if that has the same name"
            .to_owned());
    }
    Ok(())
}

/// The scopes that are requested for Microsoft Graph. `graph_url` is missing where it has a fault of its own.
///
/// # Errors
/// What to set.
pub fn of_graph(text: &str, graph_url: Option<&str>) -> Result<String, String> {
    let resources = graph_url.map(address::graph_resources);
    let scopes = list(text, |item| {
        if !is_scope_token(item) {
            return Err("is not a scope".to_owned());
        }
        check_is_graphs(item, resources.as_deref())?;
        Ok(item.to_owned())
    })?;
    if scopes.is_empty() {
        return Err("is empty; remove it to use the default".to_owned());
    }
    let has = |name: &str| scopes.iter().any(|scope| scope == name);
    // A refresh token would outlive the caller's own sign-in, so none is ever requested.
    if has("offline_access") {
        return Err("holds offline_access; remove it, this API keeps no refresh tokens".to_owned());
    }
    if scopes.iter().all(|scope| OPENID.contains(&scope.as_str())) {
        return Err("has only scopes of OpenID Connect; add a permission of Microsoft Graph, such as \
                    https://graph.microsoft.com/User.Read"
            .to_owned());
    }
    if scopes.len() > 1 && scopes.iter().any(|scope| scope.rsplit('/').next() == Some(".default")) {
        return Err("holds .default and other scopes, which Entra refuses; keep only .default, or remove it".to_owned());
    }
    Ok(scopes.join(" "))
}

/// A bare name is Graph's: <https://learn.microsoft.com/entra/identity-platform/scopes-oidc>.
fn check_is_graphs(scope: &str, resources: Option<&[String]>) -> Result<(), String> {
    let (Some((resource, name)), Some(resources)) = (scope.rsplit_once('/'), resources) else { return Ok(()) };
    let resource = resource.strip_suffix('/').unwrap_or(resource).to_ascii_lowercase();
    if resource == ids::GRAPH || resources.contains(&resource) {
        return if name.is_empty() { Err("has no name after its last slash".to_owned()) } else { Ok(()) };
    }
    let graph = resources.first().map_or("", String::as_str);
    Err(match resource.contains("://") && address::is_of_graph(&resource) {
        true => format!("is of another cloud than graph_url; begin it with {graph}/"),
        false => format!("is of another API than Microsoft Graph; begin it with {graph}/ or leave it out"),
    })
}

/// `scope-token` of RFC 6749 section 3.3.
#[must_use]
pub fn is_scope_token(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
