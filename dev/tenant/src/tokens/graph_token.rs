//! Access tokens for Microsoft Graph, made by Entra and judged by Graph.
//!
//! Like the real ones they are v1 tokens with a `nonce` in the header, and are signed over a header that
//! has the nonce's hash instead: only Graph can verify them, and nobody else should try.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest;
use serde_json::{Value, json};

use super::plan::pairwise_subject;
use crate::{
    directory::{
        Directory,
        app_registration::AppRegistration,
        person::Person,
        well_known::{GRAPH, GRAPH_CLIENT_ID, v1_issuer},
    },
    jwt::{self, Object, UnverifiedJwt, object},
    random, time,
};

/// The claim of a Graph token for the client's location at the time of issue.
pub(crate) const LOCATION_CLAIM: &str = "xms_rp_ipaddr";
/// The location of every client as Graph sees it; the address is from RFC 5737's range for documentation.
pub(crate) const CALLER_LOCATION: &str = "203.0.113.7";

/// The claims of a Graph token for `client` and `person`, valid for `lifetime` seconds. `serial` makes it revocable.
pub(crate) fn claims(client: &AppRegistration, person: &Person, scopes: &str, lifetime: i64, serial: u64) -> Object {
    let now = time::now();
    object(json!({
        "aud": GRAPH,
        "iss": v1_issuer(&person.tenant_id),
        "iat": now - 300,
        "nbf": now - 300,
        "exp": now + lifetime,
        "acr": "1",
        "aio": URL_SAFE_NO_PAD.encode(serial.to_be_bytes()),
        "amr": ["pwd"],
        "app_displayname": client.display_name(),
        "appid": client.client_id,
        "appidacr": client.authentication_class(),
        "idtyp": "user",
        "name": person.display_name,
        "oid": person.object_id,
        "scp": scopes,
        "sub": pairwise_subject(GRAPH_CLIENT_ID, &person.object_id),
        "tid": person.tenant_id,
        "unique_name": person.user_principal_name,
        "upn": person.user_principal_name,
        "uti": random::token_id(),
        "ver": "1.0",
    }))
}

/// Signs a Graph token.
pub(crate) fn sign(directory: &Directory, claims: &Object) -> String {
    let key = directory.keys.current();
    let mut header = object(json!({
        "typ": "JWT",
        "nonce": random::token_id(),
        "alg": "RS256",
        "x5t": key.key_id(),
        "kid": key.key_id(),
    }));
    let claims = jwt::to_text(claims);
    let sent = jwt::signing_input(&jwt::to_text(&header), &claims);
    hash_nonce(&mut header);
    let signed = jwt::signing_input(&jwt::to_text(&header), &claims);
    jwt::token(&sent, &key.sign_rs256(signed.as_bytes()))
}

/// Why Graph does not take a token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Malformed,
    BadSignature,
    WrongAudience,
    Expired,
    Revoked,
}

/// A Graph token that was verified.
#[derive(Debug)]
pub(crate) struct GraphToken {
    claims: Object,
}

impl GraphToken {
    /// Verifies signature, audience, life and revocation.
    pub(crate) fn verify(directory: &Directory, token: &str) -> Result<Self, Refusal> {
        let jwt = UnverifiedJwt::parse(token).ok_or(Refusal::Malformed)?;
        verify_signature(directory, &jwt)?;
        match jwt.claim("aud").map(|audience| audience.trim_end_matches('/')) {
            Some(GRAPH | GRAPH_CLIENT_ID) => (),
            _ => return Err(Refusal::WrongAudience),
        }
        let (not_before, expires) = (jwt.moment("nbf"), jwt.moment("exp"));
        let now = time::now();
        if not_before.is_none_or(|start| start > now) || expires.is_none_or(|end| end <= now) {
            return Err(Refusal::Expired);
        }
        let token = Self { claims: jwt.unverified_claims };
        if directory.sessions.is_revoked(token.claim("oid"), token.serial()) {
            return Err(Refusal::Revoked);
        }
        Ok(token)
    }

    /// A claim that is a string; empty where it is not.
    pub(crate) fn claim(&self, name: &str) -> &str {
        self.claims.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn has_scope(&self, scope: &str) -> bool {
        self.claim("scp").split(' ').any(|granted| granted.eq_ignore_ascii_case(scope))
    }

    /// Whether it is an application's own, without a person.
    pub(crate) fn is_of_application(&self) -> bool {
        self.claim("idtyp") == "app"
    }

    /// Whether it has a role, which only applications' own tokens have.
    pub(crate) fn has_role(&self, role: &str) -> bool {
        let roles = self.claims.get("roles").and_then(Value::as_array);
        roles.is_some_and(|roles| roles.iter().any(|own| own == role))
    }

    /// Whether the client that got this token declared that it can handle claims challenges.
    pub(crate) fn declares_cp1(&self) -> bool {
        let values = self.claims.get("xms_cc").and_then(Value::as_array);
        values.is_some_and(|values| values.iter().any(|value| value == "cp1"))
    }

    pub(crate) fn serial(&self) -> u64 {
        let bytes = URL_SAFE_NO_PAD.decode(self.claim("aio")).ok();
        bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes)
    }
}

fn verify_signature(directory: &Directory, jwt: &UnverifiedJwt<'_>) -> Result<(), Refusal> {
    let key = jwt.header("kid").and_then(|key_id| directory.keys.find(key_id)).ok_or(Refusal::BadSignature)?;
    if jwt.header("alg") != Some("RS256") {
        return Err(Refusal::BadSignature);
    }
    let mut header = jwt.unverified_header.clone();
    hash_nonce(&mut header);
    let claims = jwt.signing_input.split_once('.').ok_or(Refusal::Malformed)?.1;
    let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(jwt::to_text(&header)));
    match key.verifies_rs256(signed.as_bytes(), &jwt.signature) {
        true => Ok(()),
        false => Err(Refusal::BadSignature),
    }
}

/// Replaces the nonce by its hash, which is what gets signed.
fn hash_nonce(header: &mut Object) {
    if let Some(nonce) = header.get("nonce").and_then(Value::as_str) {
        let hash = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, nonce.as_bytes()));
        header.insert("nonce".into(), hash.into());
    }
}
