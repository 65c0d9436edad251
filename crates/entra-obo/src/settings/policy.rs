//! The settings of which a [`Policy`] is made.

use uuid::Uuid;

use crate::{
    policy::{Policy, Tenancy},
    settings::{
        application_id_uri, ids,
        reader::Reader,
        scopes::{self, Prefixes},
    },
};

/// The names of the settings that [`policy`] reads, except `authority_host`.
pub const NAMES: [&str; 6] =
    ["tenant_id", "client_id", "application_id_uris", "required_scope", "allowed_tenants", "allowed_clients"];

/// Who may call, as the operator has set it.
///
/// `authority_host` is that setting's value. `downstream_scopes` are the scopes that are requested for downstream APIs: the
/// name of one of those is no scope of this API.
pub fn policy(reader: &mut Reader, authority_host: Option<String>, downstream_scopes: &str) -> Option<Policy> {
    let allowed_tenants = reader.parse("allowed_tenants", ids::tenants);
    let tenancy = reader.parse("tenant_id", |text| ids::tenancy(text, allowed_tenants.as_ref()));
    let client_id = reader.parse("client_id", |text| ids::client(text, tenancy.as_ref()));
    let uris = reader.parse("application_id_uris", |text| application_id_uri::list_of(text, client_id));
    let prefixes = uris.as_ref().zip(client_id);
    let prefixes = prefixes.map(|(uris, client_id)| Prefixes { client_id, application_id_uris: uris });
    let required_scopes =
        reader.parse("required_scope", |text| scopes::required(text, prefixes.as_ref(), downstream_scopes));
    let allowed_clients = reader.parse("allowed_clients", |text| ids::clients(text, tenancy.as_ref()));

    if matches!(tenancy, Some(Tenancy::Single(_))) && !allowed_tenants.as_ref().is_none_or(Vec::<Uuid>::is_empty) {
        reader.blame(
            "allowed_tenants",
            "goes with tenant_id = organizations or common only; leave it empty or change tenant_id",
        );
    }
    let ends_with_a_scope = |uri: &String| {
        let mut scopes = required_scopes.iter().flatten();
        scopes.any(|scope: &String| uri.strip_suffix(scope.as_str()).is_some_and(|rest| rest.ends_with('/')))
    };
    if uris.iter().flatten().any(ends_with_a_scope) {
        reader.blame("application_id_uris", "ends with the name of a scope; list the URI without it");
    }
    let mut policy = Policy::new(tenancy?, client_id?, required_scopes?);
    policy.authority_host = authority_host?;
    policy.application_id_uris = uris?;
    policy.allowed_clients = allowed_clients?;
    Some(policy)
}
