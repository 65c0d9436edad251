//! The client credentials grant (RFC 6749 section 4.4): how the vault's reader gets its token, and a daemon one for the
//! API.

use serde_json::{Value, json};

use super::{client_authentication::authenticate, request::TokenRequest};
use crate::{
    entra::{
        authority::Authority,
        error::EntraError,
        permission::{find_resource, is_graph},
    },
    tokens::{
        app_token::{self, Principal},
        plan::TokenPlan,
    },
};

/// One hour, as Entra gives to daemons.
const LIFETIME: i64 = 3599;

pub(super) fn grant(request: &TokenRequest<'_>) -> Result<Value, EntraError> {
    let application = authenticate(request)?;
    let Authority::Single(tenant_id) = request.authority else {
        let message = "Client credentials need the tenant in the path: neither the path nor the request names one.";
        return Err(EntraError::new("invalid_request", 50059, message));
    };
    let scope = request.form.required("scope")?;
    let Some(resource) = scope.strip_suffix("/.default").filter(|resource| !resource.contains(' ')) else {
        let message =
            format!("The scope '{scope}' is not valid: client credentials take one resource followed by /.default.");
        return Err(EntraError::new("invalid_scope", 1_002_012, message));
    };
    let directory = request.directory;
    let principal = Principal::of(&application, tenant_id);
    let access_token = if directory.vault_audiences().iter().any(|audience| audience == resource) {
        app_token::sign_v1(directory, &principal, resource, LIFETIME)
    } else {
        let api = find_resource(directory, Some(resource))?;
        match is_graph(&api) {
            true => app_token::sign_for_graph(directory, &principal, LIFETIME),
            false => {
                let mut plan = TokenPlan::app_only(directory, &api);
                plan.set("azp", application.client_id.clone());
                plan.set("oid", application.service_principal_id.clone());
                plan.set("sub", application.service_principal_id.clone());
                plan.lasts(LIFETIME);
                plan.sign(directory)
            }
        }
    };
    Ok(json!({
        "token_type": "Bearer",
        "expires_in": LIFETIME,
        "ext_expires_in": LIFETIME,
        "access_token": access_token,
    }))
}
