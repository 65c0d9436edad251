//! Service principals: <https://learn.microsoft.com/graph/api/resources/serviceprincipal>.

use std::sync::Arc;

use http::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    caller::Caller,
    error::GraphError,
    odata::{self, Address, Key, Query},
};
use crate::{
    directory::{
        Directory,
        app_registration::{AppRegistration, Installation, Origin},
    },
    jwt::{Object, object},
    wire::{self, IncomingRequest, ResponseBody},
};

const READ: [&str; 4] =
    ["Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.AccessAsUser.All"];
const WRITE: [&str; 2] = ["Application.ReadWrite.All", "Directory.AccessAsUser.All"];
const COLLECTION: &str = "servicePrincipals";

/// The body of a request that creates or changes one.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Changes {
    app_id: Option<String>,
    account_enabled: Option<bool>,
    tags: Option<Value>,
    notes: Option<String>,
    app_role_assignment_required: Option<bool>,
}

pub(super) fn respond(
    directory: &Directory,
    caller: &Caller,
    incoming: &IncomingRequest,
    address: &Address,
) -> Result<Response<ResponseBody>, GraphError> {
    match incoming.method {
        Method::GET => caller.require(&READ)?,
        _ => caller.require(&WRITE)?,
    }
    if !address.rest.is_empty() {
        return Err(GraphError::unknown_path(incoming));
    }
    let Some(key) = &address.key else {
        return match incoming.method {
            Method::GET => {
                let all = directory.applications.all();
                let visible = all.iter().filter(|application| is_visible(directory, application));
                Query::parse(incoming)?.list(directory, COLLECTION, visible.map(|it| to_json(directory, it)))
            }
            Method::POST => {
                let changes: Changes = odata::body(incoming)?;
                let app_id = changes.checked()?.app_id.unwrap_or_default();
                create(directory, &app_id)
            }
            _ => Err(GraphError::method_not_allowed(&incoming.method)),
        };
    };
    if let (Key::Alternate { property, value }, &Method::PATCH) = (key, &incoming.method)
        && property == "appId"
        && odata::creates_if_missing(incoming)
    {
        let changes: Changes = odata::body(incoming)?;
        changes.checked()?;
        let application = directory.applications.by_client_id(value);
        return match application.is_some_and(|it| it.has_service_principal(&directory.tenant_id)) {
            true => Ok(wire::no_content()),
            false => create(directory, value),
        };
    }
    let application = find(directory, key)?;
    match incoming.method {
        Method::GET => Query::parse(incoming)?.one(directory, COLLECTION, to_json(directory, &application)),
        Method::PATCH => {
            let changes: Changes = odata::body(incoming)?;
            changes.checked().map(|_| wire::no_content())
        }
        Method::DELETE => {
            caller.require_owner(&application)?;
            match application.uninstall(&directory.tenant_id) {
                true => Ok(wire::no_content()),
                false => Err(GraphError::bad_request("This service principal cannot be deleted.")),
            }
        }
        _ => Err(GraphError::method_not_allowed(&incoming.method)),
    }
}

impl Changes {
    /// Refuses changes whose effects are not emulated.
    fn checked(self) -> Result<Self, GraphError> {
        let Self { account_enabled, tags, notes, app_role_assignment_required, .. } = &self;
        let changes_nothing = account_enabled != &Some(false)
            && app_role_assignment_required != &Some(true)
            && tags.is_none()
            && notes.is_none();
        match changes_nothing {
            true => Ok(self),
            false => Err(GraphError::bad_request("The emulated Graph does not support these changes.")),
        }
    }
}

fn create(directory: &Directory, app_id: &str) -> Result<Response<ResponseBody>, GraphError> {
    let application = directory.application(app_id).ok_or_else(|| {
        let message = format!("The appId '{app_id}' of the service principal is not that of an application.");
        GraphError::bad_request(message).detail("NoBackingApplicationObject", "appId")
    })?;
    if application.has_service_principal(&directory.tenant_id) {
        let message = format!("The application '{app_id}' has a service principal already.");
        return Err(GraphError::conflict(message));
    }
    application.install(&directory.tenant_id, directory.replication.lag());
    Ok(odata::entity(directory, StatusCode::CREATED, COLLECTION, to_json(directory, &application)))
}

fn is_visible(directory: &Directory, application: &AppRegistration) -> bool {
    application.installation(&directory.tenant_id, &directory.tenant_id) == Installation::Installed
}

fn find(directory: &Directory, key: &Key) -> Result<Arc<AppRegistration>, GraphError> {
    let has_key = |application: &AppRegistration| match key {
        Key::Id(id) => application.service_principal_id.eq_ignore_ascii_case(id),
        Key::Alternate { property, value } => property == "appId" && application.client_id.eq_ignore_ascii_case(value),
    };
    let found = directory.applications.find(has_key);
    found.filter(|application| is_visible(directory, application)).ok_or_else(|| GraphError::not_found(key.value()))
}

fn to_json(directory: &Directory, application: &AppRegistration) -> Object {
    let manifest = application.manifest();
    let mut names = manifest.identifier_uris.clone();
    names.push(application.client_id.clone());
    let owner = match application.origin {
        // Microsoft's own directory.
        Origin::Microsoft => "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
        Origin::BuiltIn(_) | Origin::ManagedIdentity | Origin::Registered => &directory.tenant_id,
    };
    object(json!({
        "id": application.service_principal_id,
        "accountEnabled": true,
        "appDisplayName": manifest.display_name,
        "appId": application.client_id,
        "appOwnerOrganizationId": owner,
        "appRoleAssignmentRequired": false,
        "appRoles": application.roles.iter().map(|role| json!({
            "allowedMemberTypes": ["Application"],
            "description": role.value,
            "displayName": role.value,
            "id": role.id,
            "isEnabled": true,
            "origin": "Application",
            "value": role.value,
        })).collect::<Vec<_>>(),
        "displayName": manifest.display_name,
        "oauth2PermissionScopes": manifest.api.oauth2_permission_scopes,
        "servicePrincipalNames": names,
        "servicePrincipalType": match application.origin {
            Origin::ManagedIdentity => "ManagedIdentity",
            Origin::Microsoft | Origin::BuiltIn(_) | Origin::Registered => "Application",
        },
        "signInAudience": manifest.sign_in_audience,
        "tags": [],
    }))
}
