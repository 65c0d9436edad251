//! Federated identity credentials: <https://learn.microsoft.com/graph/api/resources/federatedidentitycredential>.

use http::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::super::{
    error::GraphError,
    odata::{self, Address, Key, Query},
};
use crate::{
    directory::{
        Directory,
        app_registration::AppRegistration,
        credentials::{FederatedCredential, Trust},
        well_known::TOKEN_EXCHANGE,
    },
    jwt::{Object, object},
    random,
    wire::{self, IncomingRequest, ResponseBody},
};

/// An application cannot have more.
const MOST: usize = 20;
const COLLECTION: &str = "applications/federatedIdentityCredentials";

/// What a request sets. The name is part of the address in an upsert.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Changes {
    name: Option<String>,
    issuer: Option<String>,
    subject: Option<String>,
    description: Option<String>,
    audiences: Option<Vec<String>>,
}

pub(super) fn respond(
    directory: &Directory,
    application: &AppRegistration,
    incoming: &IncomingRequest,
    address: &Address,
) -> Result<Response<ResponseBody>, GraphError> {
    if !address.rest.is_empty() {
        return Err(GraphError::unknown_path(incoming));
    }
    let Some(key) = &address.key else {
        return match incoming.method {
            Method::GET => {
                let all: Vec<Object> = application.federated_credentials().iter().map(to_json).collect();
                Query::parse(incoming)?.list(directory, COLLECTION, all)
            }
            Method::POST => create(directory, application, odata::body(incoming)?),
            _ => Err(GraphError::method_not_allowed(&incoming.method)),
        };
    };
    let has_key = |credential: &FederatedCredential| match key {
        Key::Id(id) => credential.id == *id || credential.trust.name == *id,
        Key::Alternate { property, value } => property == "name" && credential.trust.name == *value,
    };
    let index = application.federated_credentials().iter().position(has_key);
    let index = match (index, &incoming.method, key) {
        (Some(index), _, _) => index,
        (None, &Method::PATCH, Key::Alternate { property, value })
            if property == "name" && odata::creates_if_missing(incoming) =>
        {
            let changes = Changes { name: Some(value.clone()), ..odata::body(incoming)? };
            return create(directory, application, changes);
        }
        (None, _, _) => return Err(GraphError::not_found(key.value())),
    };
    match incoming.method {
        Method::GET => {
            let credential = application.federated_credentials().get(index).map(to_json);
            Query::parse(incoming)?.one(directory, COLLECTION, credential.unwrap_or_default())
        }
        Method::PATCH => {
            let changes: Changes = odata::body(incoming)?;
            let mut credentials = application.federated_credentials_mut();
            let current = credentials.get(index).map(|credential| credential.trust.clone());
            let trust = changes.apply(current)?;
            check_unique(&credentials, &trust)?;
            if let Some(credential) = credentials.get_mut(index) {
                credential.trust = trust;
            }
            Ok(wire::no_content())
        }
        Method::DELETE => {
            application.federated_credentials_mut().remove(index);
            Ok(wire::no_content())
        }
        _ => Err(GraphError::method_not_allowed(&incoming.method)),
    }
}

fn create(
    directory: &Directory,
    application: &AppRegistration,
    changes: Changes,
) -> Result<Response<ResponseBody>, GraphError> {
    let trust = changes.apply(None)?;
    let mut credentials = application.federated_credentials_mut();
    if credentials.iter().any(|credential| credential.trust.name == trust.name) {
        return Err(GraphError::conflict(format!("There is a federated credential called '{}' already.", trust.name)));
    }
    check_unique(&credentials, &trust)?;
    if credentials.len() >= MOST {
        return Err(invalid(&format!("An application can have {MOST} federated credentials.")));
    }
    let credential = FederatedCredential { id: random::guid(), trust, lag: directory.replication.lag() };
    let body = to_json(&credential);
    credentials.push(credential);
    Ok(odata::entity(directory, StatusCode::CREATED, COLLECTION, body))
}

impl Changes {
    /// Changes `current`, or makes a new one.
    fn apply(self, current: Option<Trust>) -> Result<Trust, GraphError> {
        let required = |name: &str| GraphError::bad_request(format!("The property '{name}' is required."));
        let trust = match current {
            Some(current) if self.name.as_ref().is_some_and(|name| *name != current.name) => {
                return Err(GraphError::bad_request("The property 'name' cannot be changed."));
            }
            Some(current) => Trust {
                name: current.name,
                issuer: self.issuer.unwrap_or(current.issuer),
                subject: self.subject.unwrap_or(current.subject),
                description: self.description.or(current.description),
                audiences: self.audiences.unwrap_or(current.audiences),
            },
            None => Trust {
                name: self.name.ok_or_else(|| required("name"))?,
                issuer: self.issuer.ok_or_else(|| required("issuer"))?,
                subject: self.subject.ok_or_else(|| required("subject"))?,
                description: self.description,
                audiences: self.audiences.ok_or_else(|| required("audiences"))?,
            },
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !(3..=120).contains(&trust.name.len()) || !trust.name.chars().all(is_name) {
            return Err(invalid("The name must have 3 to 120 letters, digits, hyphens and underscores."));
        }
        if trust.subject.is_empty() || [&trust.issuer, &trust.subject].iter().any(|text| text.len() > 600) {
            return Err(invalid("Issuer and subject must have 1 to 600 characters."));
        }
        let issuer = Url::parse(&trust.issuer).ok().filter(|issuer| {
            // The emulated issuers can be on plain HTTP.
            issuer.scheme() == "https" || issuer.host_str() == Some("127.0.0.1")
        });
        if issuer.is_none() {
            return Err(invalid("The issuer must be an https URL."));
        }
        match trust.audiences.as_slice() {
            [audience] if !audience.is_empty() => Ok(trust),
            _ => Err(invalid(&format!("There must be exactly one audience, usually '{TOKEN_EXCHANGE}'."))),
        }
    }
}

/// Issuer and subject together are unique for an application.
fn check_unique(credentials: &[FederatedCredential], trust: &Trust) -> Result<(), GraphError> {
    let same = credentials
        .iter()
        .map(|credential| &credential.trust)
        .find(|other| other.name != trust.name && other.issuer == trust.issuer && other.subject == trust.subject);
    match same {
        Some(other) => Err(invalid(&format!("The federated credential '{}' has this issuer and subject.", other.name))),
        None => Ok(()),
    }
}

fn invalid(message: &str) -> GraphError {
    GraphError::new(StatusCode::BAD_REQUEST, "InvalidFederatedIdentityCredentialValue", message)
}

fn to_json(credential: &FederatedCredential) -> Object {
    let mut json = object(json!({"id": credential.id}));
    json.extend(object(serde_json::to_value(&credential.trust).unwrap_or_default()));
    json
}
