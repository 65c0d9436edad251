//! Consents as objects: <https://learn.microsoft.com/graph/api/resources/oauth2permissiongrant>.

use http::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{
    caller::Caller,
    error::GraphError,
    odata::{self, Address, Key, Query},
};
use crate::{
    directory::{
        Directory,
        app_registration::{AppRegistration, Installation},
        consents::{GivenBy, PermissionGrant},
    },
    jwt::{Object, object},
    random,
    wire::{self, IncomingRequest, ResponseBody},
};

const READ: [&str; 3] = ["DelegatedPermissionGrant.ReadWrite.All", "Directory.Read.All", "Directory.AccessAsUser.All"];
const WRITE: [&str; 2] = ["DelegatedPermissionGrant.ReadWrite.All", "Directory.AccessAsUser.All"];
const COLLECTION: &str = "oauth2PermissionGrants";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewGrant {
    client_id: String,
    consent_type: String,
    #[serde(default)]
    principal_id: Option<String>,
    resource_id: String,
    #[serde(default)]
    scope: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changes {
    scope: String,
}

pub(super) fn respond(
    directory: &Directory,
    caller: &Caller,
    incoming: &IncomingRequest,
    address: &Address,
) -> Result<Response<ResponseBody>, GraphError> {
    match incoming.method {
        Method::GET => caller.require(&READ)?,
        _ => {
            caller.require(&WRITE)?;
            caller.require_administrator()?;
        }
    }
    let key = match (&address.key, address.rest.as_slice()) {
        (None, _) => {
            return match incoming.method {
                Method::GET => list(directory, incoming),
                Method::POST => create(directory, odata::body(incoming)?),
                _ => Err(GraphError::method_not_allowed(&incoming.method)),
            };
        }
        (Some(Key::Id(id)), []) => id,
        _ => return Err(GraphError::unknown_path(incoming)),
    };
    let not_found = || GraphError::not_found(key);
    let mut grants = directory.consents.grants_mut();
    let index = grants.iter().position(|grant| grant.id == *key && grant.lag.has_passed()).ok_or_else(not_found)?;
    let grant = grants.get_mut(index).ok_or_else(not_found)?;
    match incoming.method {
        Method::GET => {
            let json = to_json(directory, grant).ok_or_else(not_found)?;
            Query::parse(incoming)?.one(directory, COLLECTION, json)
        }
        Method::PATCH => {
            let changes: Changes = odata::body(incoming)?;
            grant.scopes = scopes(&changes.scope);
            Ok(wire::no_content())
        }
        Method::DELETE => {
            grants.remove(index);
            Ok(wire::no_content())
        }
        _ => Err(GraphError::method_not_allowed(&incoming.method)),
    }
}

fn list(directory: &Directory, incoming: &IncomingRequest) -> Result<Response<ResponseBody>, GraphError> {
    let grants = directory.consents.grants();
    let visible = grants.iter().filter(|grant| grant.lag.has_passed());
    Query::parse(incoming)?.list(directory, COLLECTION, visible.filter_map(|grant| to_json(directory, grant)))
}

fn create(directory: &Directory, new: NewGrant) -> Result<Response<ResponseBody>, GraphError> {
    let find = |id: &str| {
        let has_id = |it: &AppRegistration| {
            it.service_principal_id.eq_ignore_ascii_case(id)
                && it.installation(&directory.tenant_id, &directory.tenant_id) == Installation::Installed
        };
        directory.applications.find(has_id).ok_or_else(|| GraphError::not_found(id))
    };
    let (client, resource) = (find(&new.client_id)?, find(&new.resource_id)?);
    let given_by = match (new.consent_type.as_str(), new.principal_id) {
        ("AllPrincipals", None) => GivenBy::Administrator { tenant_id: directory.tenant_id.clone() },
        ("Principal", Some(object_id)) if directory.roster.by_object_id(&object_id).is_some() => {
            GivenBy::Person { object_id }
        }
        _ => {
            let message =
                "The 'consentType' must be AllPrincipals, without 'principalId', or Principal, with a person's id.";
            return Err(GraphError::bad_request(message));
        }
    };
    let mut grants = directory.consents.grants_mut();
    let is_same = |grant: &&PermissionGrant| {
        grant.client_id == client.client_id && grant.resource_id == resource.client_id && grant.given_by == given_by
    };
    if grants.iter().any(|grant| is_same(&grant)) {
        return Err(GraphError::conflict("There is such a grant already: change its scope."));
    }
    let grant = PermissionGrant {
        id: random::token_id(),
        client_id: client.client_id.clone(),
        resource_id: resource.client_id.clone(),
        given_by,
        scopes: scopes(&new.scope),
        lag: directory.replication.lag(),
    };
    let json = to_json(directory, &grant).unwrap_or_default();
    grants.push(grant);
    Ok(odata::entity(directory, StatusCode::CREATED, COLLECTION, json))
}

fn scopes(text: &str) -> Vec<String> {
    text.split_whitespace().map(ToOwned::to_owned).collect()
}

/// `None` for a grant of another directory.
fn to_json(directory: &Directory, grant: &PermissionGrant) -> Option<Object> {
    let principal = |client_id: &str| {
        directory.applications.by_client_id(client_id).map(|application| application.service_principal_id.clone())
    };
    let (consent_type, principal_id) = match &grant.given_by {
        GivenBy::Administrator { tenant_id } if *tenant_id == directory.tenant_id => ("AllPrincipals", None),
        GivenBy::Administrator { .. } => return None,
        GivenBy::Person { object_id } => ("Principal", Some(object_id)),
    };
    Some(object(json!({
        "clientId": principal(&grant.client_id)?,
        "consentType": consent_type,
        "id": grant.id,
        "principalId": principal_id,
        "resourceId": principal(&grant.resource_id)?,
        "scope": grant.scopes.join(" "),
    })))
}
