//! The client credentials grant (RFC 6749 section 4.4): how the vault's reader gets its token, and an application one of its
//! own for an API: <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>.
//!
//! Without an assigned role a token is issued all the same; it has no `roles`, and the API decides what that is worth.

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
/// For Graph, where the client can handle claims challenges.
const LONG_LIFETIME: i64 = 24 * 3600 - 1;

pub(super) fn grant(request: &TokenRequest<'_>) -> Result<Value, EntraError> {
    let application = authenticate(request)?;
    let Authority::Single(tenant_id) = request.authority else {
        let message = "Client credentials need the tenant in the path: neither the path nor the request names one.";
        return Err(EntraError::new("invalid_request", 50059, message));
    };
    let claims = request.form.claims()?;
    let scope = request.form.required("scope")?;
    let Some(resource) = scope.strip_suffix("/.default").filter(|resource| !resource.contains(' ')) else {
        let message =
            format!("The scope '{scope}' is not valid: client credentials take one resource followed by /.default.");
        return Err(EntraError::new("invalid_scope", 1_002_012, message));
    };
    let directory = request.directory;
    let principal = Principal::of(&application, tenant_id);
    let mut lifetime = LIFETIME;
    let access_token = if directory.vault_audiences().iter().any(|audience| audience == resource) {
        app_token::sign_v1(directory, &principal, resource, LIFETIME)
    } else {
        let api = find_resource(directory, Some(resource))?;
        let roles = directory.role_assignments.of(&application, &api);
        match is_graph(&api) {
            true => {
                if claims.declares_cp1() {
                    lifetime = LONG_LIFETIME;
                }
                app_token::sign_for_graph(directory, &principal, &roles, &claims, lifetime)
            }
            false => {
                let mut plan = TokenPlan::app_only(directory, &api);
                claims.fulfil(&mut plan.claims);
                plan.omit_unrequested_claims(&api);
                if plan.claims.contains_key("idtyp") {
                    plan.set("idtyp", "app");
                }
                plan.set("azp", application.client_id.clone());
                plan.set("oid", application.service_principal_id.clone());
                plan.set("sub", application.service_principal_id.clone());
                plan.set("tid", tenant_id);
                plan.set("iss", directory.v2_issuer(tenant_id));
                if !roles.is_empty() {
                    plan.set("roles", roles);
                }
                if api.manifest().api.requested_access_token_version != Some(2) {
                    plan.version_1();
                }
                plan.lasts(lifetime);
                plan.sign(directory)
            }
        }
    };
    Ok(json!({
        "token_type": "Bearer",
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": access_token,
    }))
}
