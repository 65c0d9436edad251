//! Callers' tokens: valid by default, one thing broken.
//!
//! jwt-simple makes the keys, the crate `rsa` signs.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jwt_simple::prelude::RS256KeyPair;
use rsa::{
    pkcs1v15::SigningKey,
    pkcs8::DecodePrivateKey,
    signature::{SignatureEncoding, Signer},
};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::scripted_host::{APPLICATION, AUTHORITY, CLIENT, NOW, PERSON, TENANT};

pub(crate) const KEY_ID: &str = "key-1";

/// The tenant's key, new in each run.
static KEY: LazyLock<RS256KeyPair> = LazyLock::new(|| RS256KeyPair::generate(2048).unwrap());
/// A key that the tenant does not publish.
static FOREIGN_KEY: LazyLock<RS256KeyPair> = LazyLock::new(|| RS256KeyPair::generate(2048).unwrap());

/// A token before it is signed.
pub(crate) struct Plan {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
    pub(crate) foreign_key: bool,
}

impl Plan {
    pub(crate) fn claim(&mut self, name: &str, value: impl Into<Value>) {
        self.claims.insert(name.to_owned(), value.into());
    }

    /// Valid for an hour from then on.
    pub(crate) fn valid_from(&mut self, then: u64) {
        self.claim("nbf", then);
        self.claim("exp", then + 3600);
    }

    pub(crate) fn without(&mut self, name: &str) {
        self.claims.remove(name);
    }

    /// An application's own token: no person, and neither roles nor the optional claim `idtyp`.
    pub(crate) fn app_only(&mut self) {
        for name in ["scp", "name"] {
            self.without(name);
        }
        self.claim("sub", PERSON);
    }

    /// An ID token. Its audience is the API where client and API share a registration.
    pub(crate) fn id_token(&mut self) {
        for name in ["azp", "scp"] {
            self.without(name);
        }
        self.claim("preferred_username", "ada@example.com");
    }

    /// The same person's token in the v1 form.
    pub(crate) fn version_1(&mut self) {
        self.claim("ver", "1.0");
        self.claim("iss", format!("https://sts.windows.net/{TENANT}/"));
        self.claim("aud", format!("api://{CLIENT}"));
        self.without("azp");
        self.claim("appid", APPLICATION);
    }
}

pub(crate) fn token() -> String {
    token_with(|_| {})
}

pub(crate) fn token_with(change: impl FnOnce(&mut Plan)) -> String {
    let Value::Object(claims) = json!({
        "ver": "2.0", "iss": format!("{AUTHORITY}/{TENANT}/v2.0"), "aud": CLIENT, "tid": TENANT, "oid": PERSON,
        "sub": "subject", "azp": APPLICATION, "scp": "user_impersonation", "iat": NOW - 60, "nbf": NOW - 60,
        "exp": NOW + 3600, "name": "Ada", "uti": "unique",
    }) else {
        unreachable!()
    };
    let Value::Object(header) = json!({"typ": "JWT", "alg": "RS256", "kid": KEY_ID}) else { unreachable!() };
    let mut plan = Plan { header, claims, foreign_key: false };
    change(&mut plan);
    let part = |members: Map<String, Value>| URL_SAFE_NO_PAD.encode(Value::Object(members).to_string());
    let signed = format!("{}.{}", part(plan.header), part(plan.claims));
    let key = if plan.foreign_key { &FOREIGN_KEY } else { &KEY };
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(sign(key, signed.as_bytes())))
}

/// The published keys.
pub(crate) fn key_set() -> Value {
    json!({ "keys": [jwk(KEY_ID, &KEY)] })
}

/// The published keys after a rotation: the foreign key is one of them.
pub(crate) fn rotated_key_set(key_id: &str) -> Value {
    json!({ "keys": [jwk(KEY_ID, &KEY), jwk(key_id, &FOREIGN_KEY)] })
}

/// A key that the tenant has nothing to do with.
pub(crate) fn foreign_jwk(key_id: &str) -> Value {
    jwk(key_id, &FOREIGN_KEY)
}

pub(crate) fn jwk(key_id: &str, key: &RS256KeyPair) -> Value {
    let components = key.public_key().to_components();
    json!({"kty": "RSA", "use": "sig", "kid": key_id, "n": URL_SAFE_NO_PAD.encode(components.n),
           "e": URL_SAFE_NO_PAD.encode(components.e), "issuer": format!("{AUTHORITY}/{{tenantid}}/v2.0")})
}

fn sign(key: &RS256KeyPair, message: &[u8]) -> Vec<u8> {
    let key = rsa::RsaPrivateKey::from_pkcs8_pem(&key.to_pem().unwrap()).unwrap();
    SigningKey::<Sha256>::new(key).sign(message).to_vec()
}
