//! App registrations: <https://learn.microsoft.com/graph/api/resources/application>.

mod federated;
mod json;
mod passwords;
mod update;

use std::sync::Arc;

use http::{Method, Response, StatusCode};
use serde::Deserialize;

use super::{
    caller::Caller,
    error::GraphError,
    odata::{self, Address, Key, Query},
};
use crate::{
    directory::{
        Directory,
        app_registration::{AppRegistration, Origin},
        manifest::Manifest,
    },
    jwt::Object,
    random,
    wire::{self, IncomingRequest, ResponseBody},
};
use json::to_json;
use update::Changes;

/// Permissions of a token that may read.
const READ: [&str; 4] =
    ["Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.AccessAsUser.All"];
/// Permissions of a token that may write.
const WRITE: [&str; 2] = ["Application.ReadWrite.All", "Directory.AccessAsUser.All"];

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
    let Some(key) = &address.key else {
        return match incoming.method {
            Method::GET => list(directory, incoming),
            Method::POST => {
                let changes: Changes = odata::body(incoming)?;
                created(directory, &*create(directory, caller, changes, None)?)
            }
            _ => Err(GraphError::method_not_allowed(&incoming.method)),
        };
    };
    let application = find(directory, key);
    if let (Key::Alternate { property, value }, &Method::PATCH, true) = (key, &incoming.method, address.rest.is_empty())
        && property == "uniqueName"
    {
        return upsert(directory, caller, incoming, value);
    }
    let application = application?;
    if incoming.method != Method::GET {
        caller.require_owner(&application)?;
    }
    match (&incoming.method, &*address.rest()) {
        (&Method::GET, []) => Query::parse(incoming)?.one(directory, "applications", to_json(directory, &application)),
        (&Method::PATCH, []) => update(directory, &application, odata::body(incoming)?).map(|()| wire::no_content()),
        (&Method::DELETE, []) => {
            directory.delete_application(&application);
            Ok(wire::no_content())
        }
        (&Method::POST, ["addPassword"]) => passwords::add(directory, &application, incoming),
        (&Method::POST, ["removePassword"]) => passwords::remove(&application, incoming),
        (&Method::GET, ["owners"]) => owners(directory, &application, incoming),
        (&Method::POST, ["owners", "$ref"]) => add_owner(directory, &application, incoming),
        (_, [first, ..]) if first.starts_with("federatedIdentityCredentials") => {
            match Address::parse(&address.rest, "federatedIdentityCredentials") {
                Some(address) => federated::respond(directory, &application, incoming, &address),
                None => Err(GraphError::unknown_path(incoming)),
            }
        }
        (_, []) => Err(GraphError::method_not_allowed(&incoming.method)),
        _ => Err(GraphError::unknown_path(incoming)),
    }
}

/// Deleted applications: <https://learn.microsoft.com/graph/api/resources/directory>. `path` is what comes after
/// `deletedItems`.
pub(super) fn respond_deleted(
    directory: &Directory,
    caller: &Caller,
    incoming: &IncomingRequest,
    path: &[String],
) -> Result<Response<ResponseBody>, GraphError> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match (&incoming.method, path.as_slice()) {
        (&Method::GET, ["microsoft.graph.application"]) => {
            caller.require(&READ)?;
            let deleted = directory.applications.deleted();
            Query::parse(incoming)?.list(directory, "applications", deleted.iter().map(|it| to_json(directory, it)))
        }
        (&Method::POST, [object_id, "restore"]) => {
            caller.require(&WRITE)?;
            let deleted = directory.applications.deleted();
            let application = deleted.iter().find(|it| it.object_id == *object_id);
            caller.require_owner(application.ok_or_else(|| GraphError::not_found(object_id))?)?;
            let restored = directory.applications.restore(object_id);
            let restored = restored.ok_or_else(|| GraphError::not_found(object_id))?;
            Ok(odata::entity(directory, StatusCode::OK, "directoryObjects", to_json(directory, &restored)))
        }
        (&Method::DELETE, [object_id]) => {
            caller.require_administrator()?;
            match directory.applications.purge(object_id) {
                true => Ok(wire::no_content()),
                false => Err(GraphError::not_found(object_id)),
            }
        }
        _ => Err(GraphError::unknown_path(incoming)),
    }
}

/// Those that were registered in this directory.
fn is_here(application: &AppRegistration) -> bool {
    matches!(application.origin, Origin::BuiltIn(_) | Origin::Registered)
}

fn find(directory: &Directory, key: &Key) -> Result<Arc<AppRegistration>, GraphError> {
    let has_key = |application: &AppRegistration| match key {
        Key::Id(id) => application.object_id.eq_ignore_ascii_case(id),
        Key::Alternate { property, value } => match property.as_str() {
            "appId" => application.client_id.eq_ignore_ascii_case(value),
            "uniqueName" => application.manifest().unique_name.as_ref() == Some(value),
            _ => false,
        },
    };
    let found = directory.applications.find(|application| is_here(application) && has_key(application));
    found.filter(|application| application.lag.has_passed()).ok_or_else(|| GraphError::not_found(key.value()))
}

fn list(directory: &Directory, incoming: &IncomingRequest) -> Result<Response<ResponseBody>, GraphError> {
    let all = directory.applications.all();
    let visible = all.iter().filter(|application| is_here(application) && application.lag.has_passed());
    Query::parse(incoming)?.list(directory, "applications", visible.map(|it| to_json(directory, it)))
}

fn created(directory: &Directory, application: &AppRegistration) -> Result<Response<ResponseBody>, GraphError> {
    Ok(odata::entity(directory, StatusCode::CREATED, "applications", to_json(directory, application)))
}

fn create(
    directory: &Directory,
    caller: &Caller,
    changes: Changes,
    unique_name: Option<&str>,
) -> Result<Arc<AppRegistration>, GraphError> {
    let client_id = random::guid();
    if let Some(name) = unique_name {
        update::check_unique_name(directory, &client_id, name)?;
    }
    let new = Manifest { unique_name: unique_name.map(ToOwned::to_owned), ..Manifest::default() };
    let (manifest, certificates) = changes.apply(directory, &client_id, &new, &[])?;
    if manifest.display_name.is_empty() {
        return Err(GraphError::bad_request("The property 'displayName' is required."));
    }
    let application = AppRegistration::new(client_id, Origin::Registered, manifest, directory.replication.lag());
    application.set_certificates(certificates);
    application.owners_mut().push(caller.person.object_id.clone());
    Ok(directory.applications.add(application))
}

fn update(directory: &Directory, application: &AppRegistration, changes: Changes) -> Result<(), GraphError> {
    let (manifest, certificates) = {
        let current = application.manifest();
        changes.apply(directory, &application.client_id, &current, &application.certificates())?
    };
    *application.manifest_mut() = manifest;
    application.set_certificates(certificates);
    Ok(())
}

/// <https://learn.microsoft.com/graph/api/application-upsert>. It finds even what other lookups still miss.
fn upsert(
    directory: &Directory,
    caller: &Caller,
    incoming: &IncomingRequest,
    unique_name: &str,
) -> Result<Response<ResponseBody>, GraphError> {
    let changes: Changes = odata::body(incoming)?;
    let has_name = |application: &AppRegistration| {
        is_here(application) && application.manifest().unique_name.as_deref() == Some(unique_name)
    };
    match directory.applications.find(has_name) {
        Some(application) => {
            caller.require_owner(&application)?;
            update(directory, &application, changes)?;
            Ok(wire::no_content())
        }
        None if odata::creates_if_missing(incoming) => {
            created(directory, &*create(directory, caller, changes, Some(unique_name))?)
        }
        None => Err(GraphError::not_found(unique_name)),
    }
}

fn owners(
    directory: &Directory,
    application: &AppRegistration,
    incoming: &IncomingRequest,
) -> Result<Response<ResponseBody>, GraphError> {
    let owners = application.owners().clone();
    let people = owners.iter().filter_map(|object_id| directory.roster.by_object_id(object_id));
    let objects = people.map(|person| {
        let mut object = Object::new();
        object.insert("@odata.type".into(), "#microsoft.graph.user".into());
        for name in ["id", "displayName", "userPrincipalName"] {
            object.insert(name.into(), person.property(name));
        }
        object
    });
    Query::parse(incoming)?.list(directory, "directoryObjects", objects)
}

fn add_owner(
    directory: &Directory,
    application: &AppRegistration,
    incoming: &IncomingRequest,
) -> Result<Response<ResponseBody>, GraphError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Reference {
        #[serde(rename = "@odata.id")]
        id: String,
    }
    let reference: Reference = odata::body(incoming)?;
    let id = reference.id.rsplit('/').next().unwrap_or_default();
    let person = directory.roster.by_object_id(id).ok_or_else(|| GraphError::not_found(id))?;
    let mut owners = application.owners_mut();
    if owners.contains(&person.object_id) {
        return Err(GraphError::bad_request("The object is among the owners already."));
    }
    owners.push(person.object_id.clone());
    Ok(wire::no_content())
}
