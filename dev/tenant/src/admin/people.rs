//! The people, and the policies that apply to them: by what rules Entra and Graph answer for them.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::AdminError;
use crate::{
    directory::{
        person::Person,
        person_definition::{PersonChange, PersonDefinition},
    },
    tenant::Tenant,
};

/// A body without members.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

pub(super) fn list(tenant: &Tenant) -> Value {
    tenant.directory.roster.listed().iter().map(|person| describe(person)).collect()
}

/// The person called `name`.
pub(super) fn find(tenant: &Tenant, name: &str) -> Result<Arc<Person>, AdminError> {
    tenant.directory.roster.by_name(name).ok_or_else(|| unknown(tenant, name))
}

pub(super) fn add(tenant: &Tenant, definition: PersonDefinition) -> Result<Value, AdminError> {
    let directory = &tenant.directory;
    let is_known = definition.object_id.as_ref().is_some_and(|id| directory.roster.by_object_id(id).is_some());
    if is_known || directory.roster.by_name(&definition.name).is_some() {
        let message = format!("there is a person with the name {:?} or this object_id already", definition.name);
        return Err(AdminError::invalid(message));
    }
    let person = definition.person(&directory.tenant_id, &directory.domain);
    let description = describe(&person);
    directory.roster.add([person]);
    Ok(description)
}

pub(super) fn change(tenant: &Tenant, name: &str, change: PersonChange) -> Result<Value, AdminError> {
    let changed = tenant.directory.roster.change(name, |person| change.apply(person));
    changed.map(|person| describe(&person)).ok_or_else(|| unknown(tenant, name))
}

pub(super) fn remove(tenant: &Tenant, name: &str) -> Result<(), AdminError> {
    match tenant.directory.roster.remove(name) {
        true => Ok(()),
        false => Err(unknown(tenant, name)),
    }
}

/// Graph refuses the tokens issued for this person so far.
pub(super) fn revoke_sessions(tenant: &Tenant, name: &str, Nothing {}: Nothing) -> Result<(), AdminError> {
    tenant.revoke_graph_tokens(&*find(tenant, name)?);
    Ok(())
}

fn describe(person: &Person) -> Value {
    json!({
        "name": person.name,
        "display_name": person.display_name,
        "object_id": person.object_id,
        "user_principal_name": person.user_principal_name,
        "tenant_id": person.tenant_id,
        "about": person.about,
        "exchange": person.exchange,
        "graph": person.graph,
    })
}

fn unknown(tenant: &Tenant, name: &str) -> AdminError {
    let names: Vec<String> = tenant.directory.roster.listed().iter().map(|person| person.name.clone()).collect();
    AdminError::not_found(format!("there is no person called {name:?}; choose one of {}", names.join(", ")))
}
