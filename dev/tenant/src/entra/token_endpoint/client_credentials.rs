//! The client credentials grant (RFC 6749, section 4.4): how the vault's reader gets its token, and a daemon one for the
//! API.

use serde_json::{Value, json};

use super::{client_authentication::authenticate, request::TokenRequest};
use crate::{
    directory::{app_registration::AppRegistration, well_known::v1_issuer},
    entra::{authority::Authority, error::EntraError},
    jwt::{self, object},
    random, time,
    tokens::plan::TokenPlan,
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
    let access_token = if directory.api.is_called(resource) {
        let mut plan = TokenPlan::app_only(directory);
        plan.set("azp", application.client_id.clone());
        plan.set("oid", application.service_principal_id.clone());
        plan.set("sub", application.service_principal_id.clone());
        plan.lasts(LIFETIME);
        plan.sign(directory)
    } else if directory.vault_audiences().iter().any(|audience| audience == resource) {
        vault_token(request, application, tenant_id, resource)
    } else {
        let message = format!("There is no resource '{resource}' in the tenant '{tenant_id}'.");
        return Err(EntraError::new("invalid_resource", 500_011, message));
    };
    Ok(json!({
        "token_type": "Bearer",
        "expires_in": LIFETIME,
        "ext_expires_in": LIFETIME,
        "access_token": access_token,
    }))
}

/// An app-only v1 token.
fn vault_token(request: &TokenRequest<'_>, application: &AppRegistration, tenant_id: &str, resource: &str) -> String {
    let now = time::now();
    let key = request.directory.keys.current();
    let header = object(json!({"typ": "JWT", "alg": "RS256", "x5t": key.key_id(), "kid": key.key_id()}));
    let claims = object(json!({
        "aud": resource,
        "iss": v1_issuer(tenant_id),
        "iat": now - 300,
        "nbf": now - 300,
        "exp": now + LIFETIME,
        "appid": application.client_id,
        "appidacr": "1",
        "idtyp": "app",
        "oid": application.service_principal_id,
        "sub": application.service_principal_id,
        "tid": tenant_id,
        "uti": random::token_id(),
        "ver": "1.0",
    }));
    let input = jwt::signing_input(&jwt::to_text(&header), &jwt::to_text(&claims));
    jwt::token(&input, &key.sign_rs256(input.as_bytes()))
}
