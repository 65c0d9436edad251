//! Consents.

use std::sync::Arc;

use serde::Deserialize;

use super::{error::AdminError, people};
use crate::{
    directory::{app_registration::AppRegistration, consents::GivenBy},
    tenant::Tenant,
};

/// A consent to be given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Consent {
    /// The client, by display name or client id.
    application: String,
    /// The API, by display name or client id.
    #[serde(default = "graph")]
    resource: String,
    scopes: Vec<String>,
    /// On whose behalf; everyone's if it is left out.
    person: Option<String>,
}

fn graph() -> String {
    "Microsoft Graph".to_owned()
}

pub(super) fn give(tenant: &Tenant, consent: &Consent) -> Result<(), AdminError> {
    let client = find(tenant, &consent.application)?;
    let resource = find(tenant, &consent.resource)?;
    let given_by = match &consent.person {
        None => GivenBy::Administrator { tenant_id: tenant.tenant_id().to_owned() },
        Some(name) => GivenBy::Person { object_id: people::find(tenant, name)?.object_id.clone() },
    };
    let mut names = Vec::new();
    for name in &consent.scopes {
        let scope = resource
            .scope(name)
            .ok_or_else(|| AdminError::invalid(format!("{} has no scope {name:?}", resource.display_name())))?;
        names.push(scope.value);
    }
    for name in names {
        tenant.directory.consents.give(&client, &resource, &name, given_by.clone());
    }
    Ok(())
}

pub(super) fn withdraw_all(tenant: &Tenant) {
    tenant.directory.consents.grants_mut().clear();
}

fn find(tenant: &Tenant, name: &str) -> Result<Arc<AppRegistration>, AdminError> {
    let is_meant = |one: &AppRegistration| one.client_id.eq_ignore_ascii_case(name) || one.display_name() == name;
    tenant
        .directory
        .applications
        .find(is_meant)
        .ok_or_else(|| AdminError::invalid(format!("there is no application with the name or client id {name:?}")))
}
