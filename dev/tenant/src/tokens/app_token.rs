//! Tokens of applications and managed identities, without a user.

use serde_json::{Value, json};

use super::graph_token;
use crate::{
    claims_request::ClaimsRequest,
    directory::{
        Directory,
        app_registration::AppRegistration,
        well_known::{GRAPH, v1_issuer},
    },
    jwt::{self, Object, object},
    random, time,
};

/// Whose token it is.
pub(crate) struct Principal<'a> {
    pub(crate) client_id: &'a str,
    /// The object id of the service principal.
    pub(crate) object_id: &'a str,
    pub(crate) tenant_id: &'a str,
    /// The resource id of a managed identity.
    pub(crate) managed_identity: Option<&'a str>,
}

impl<'a> Principal<'a> {
    pub(crate) fn of(application: &'a AppRegistration, tenant_id: &'a str) -> Self {
        Self {
            client_id: &application.client_id,
            object_id: &application.service_principal_id,
            tenant_id,
            managed_identity: None,
        }
    }

    /// The claims of a v1 token for `resource`.
    fn v1_claims(&self, resource: &str, lifetime: i64) -> Object {
        let now = time::now();
        let mut claims = object(json!({
            "aud": resource,
            "iss": v1_issuer(self.tenant_id),
            "iat": now - 300,
            "nbf": now - 300,
            "exp": now + lifetime,
            "appid": self.client_id,
            "appidacr": if self.managed_identity.is_some() { "2" } else { "1" },
            "idtyp": "app",
            "oid": self.object_id,
            "sub": self.object_id,
            "tid": self.tenant_id,
            "uti": random::token_id(),
            "ver": "1.0",
        }));
        if let Some(resource_id) = self.managed_identity {
            claims.insert("xms_mirid".into(), resource_id.into());
        }
        claims
    }
}

/// A v1 token for `resource`.
pub(crate) fn sign_v1(directory: &Directory, principal: &Principal<'_>, resource: &str, lifetime: i64) -> String {
    sign(directory, &principal.v1_claims(resource, lifetime))
}

/// A token for Graph with these roles. Without any, Graph allows nothing.
pub(crate) fn sign_for_graph(
    directory: &Directory,
    principal: &Principal<'_>,
    roles: &[String],
    requested: &ClaimsRequest,
    lifetime: i64,
) -> String {
    let mut claims = principal.v1_claims(GRAPH, lifetime);
    requested.fulfil(&mut claims);
    if !roles.is_empty() {
        claims.insert("roles".into(), roles.into());
    }
    graph_token::sign(directory, &claims)
}

/// A v2 token for the application with the client id `audience`.
pub(crate) fn sign_v2(directory: &Directory, principal: &Principal<'_>, audience: &str, lifetime: i64) -> String {
    let mut claims = principal.v1_claims(audience, lifetime);
    claims.insert("iss".into(), directory.v2_issuer(principal.tenant_id).into());
    claims.insert("ver".into(), "2.0".into());
    for (v1, v2) in [("appid", "azp"), ("appidacr", "azpacr")] {
        let value = claims.remove(v1).unwrap_or(Value::Null);
        claims.insert(v2.into(), value);
    }
    sign(directory, &claims)
}

/// Signs with Entra's current key, in the usual way.
pub(crate) fn sign(directory: &Directory, claims: &Object) -> String {
    let key = directory.keys.current();
    let header = object(json!({"typ": "JWT", "alg": "RS256", "x5t": key.key_id(), "kid": key.key_id()}));
    let input = jwt::signing_input(&jwt::to_text(&header), &jwt::to_text(claims));
    jwt::token(&input, &key.sign_rs256(input.as_bytes()))
}
