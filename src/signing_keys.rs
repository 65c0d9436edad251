//! A JSON Web Key Set (RFC 7517) to the keys that a tenant signs its tokens with.

use std::cell::OnceCell;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use rsa_signature::RsaPublicKey;

use crate::{openid_configuration::IssuerTemplate, unverified_token::TokenVersion};

/// Entra publishes fewer than ten; no more usable ones than this are taken from a longer list.
const MAX_KEYS: usize = 100;

/// The keys of one tenant, and the issuer that they vouch for.
#[derive(Debug)]
pub struct SigningKeys {
    issuer: IssuerTemplate,
    version: TokenVersion,
    keys: Vec<SigningKey>,
}

/// One key.
#[derive(Debug)]
pub struct SigningKey {
    id: String,
    issuer: Option<IssuerTemplate>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    // Preparing a key costs as much as a few verifications, and most keys of a set are never used.
    prepared: OnceCell<Option<RsaPublicKey>>,
}

impl SigningKeys {
    /// Reads the key set for tokens of `version` that name `issuer`.
    ///
    /// # Errors
    /// What is wrong, in words for the log: no JSON, or no key that could sign a token.
    pub fn parse(body: &[u8], issuer: IssuerTemplate, version: TokenVersion) -> Result<Self, &'static str> {
        let set: Set =
            serde_json::from_slice(body).map_err(|_| "the key set is not JSON of the form {\"keys\":[...]}")?;
        let keys: Vec<SigningKey> = set
            .keys
            .into_iter()
            .filter_map(|key| serde_json::from_value::<Jwk>(key).ok())
            .filter_map(SigningKey::from_jwk)
            .take(MAX_KEYS)
            .collect();
        if keys.is_empty() {
            return Err("the key set holds no usable RSA signing key");
        }
        Ok(Self { issuer, version, keys })
    }

    /// The issuer that a token of this tenant must name.
    #[must_use]
    pub const fn issuer(&self) -> &IssuerTemplate {
        &self.issuer
    }

    /// Whether a key of this id is in the set.
    #[must_use]
    pub fn contains(&self, key_id: &str) -> bool {
        self.keys.iter().any(|key| key.id == key_id)
    }

    /// The keys of an id: one, unless the set repeats it.
    pub fn with_id<'a>(&'a self, key_id: &'a str) -> impl Iterator<Item = &'a SigningKey> {
        self.keys.iter().filter(move |key| key.id == key_id)
    }

    /// Whether `key` may sign for `token_issuer` of `tenant_id`.
    ///
    /// In the sets for several tenants each key names its issuer: the keys for personal accounts, say, must not sign for
    /// an organisation. It is always the issuer of v2 tokens, so for a v1 token the tenant in it is what counts.
    /// <https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer>
    #[must_use]
    pub fn may_sign(&self, key: &SigningKey, token_issuer: &str, tenant_id: &str) -> bool {
        let Some(template) = &key.issuer else { return true };
        match self.version {
            TokenVersion::V1 => template.names(tenant_id),
            TokenVersion::V2 => template.for_tenant(tenant_id) == token_issuer,
        }
    }
}

impl SigningKey {
    /// A key that can sign by RS256, `None` for any other entry of a set.
    fn from_jwk(jwk: Jwk) -> Option<Self> {
        let signs = jwk.key_type == "RSA"
            && jwk.public_key_use.is_none_or(|purpose| purpose == "sig")
            && jwk.operations.is_none_or(|operations| operations.iter().any(|operation| operation == "verify"))
            && jwk.algorithm.is_none_or(|algorithm| algorithm == "RS256")
            // A published private key signs for everyone.
            && jwk.private_exponent.is_none();
        if !signs {
            return None;
        }
        let modulus = URL_SAFE_NO_PAD.decode(jwk.modulus?).ok()?;
        let exponent = URL_SAFE_NO_PAD.decode(jwk.exponent?).ok()?;
        RsaPublicKey::check(&modulus, &exponent).ok()?;
        let issuer = jwk.issuer.map(IssuerTemplate::new);
        Some(Self { id: jwk.key_id?, issuer, modulus, exponent, prepared: OnceCell::new() })
    }

    /// Whether `signature` was made by this key over what has this SHA-256.
    #[must_use]
    pub fn verifies(&self, digest: &[u8; 32], signature: &[u8]) -> bool {
        self.prepared
            .get_or_init(|| RsaPublicKey::new(&self.modulus, &self.exponent).ok())
            .as_ref()
            .is_some_and(|key| key.verify_sha256_digest(digest, signature))
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    #[serde(rename = "kty")]
    key_type: String,
    #[serde(rename = "use")]
    public_key_use: Option<String>,
    #[serde(rename = "key_ops")]
    operations: Option<Vec<String>>,
    #[serde(rename = "alg")]
    algorithm: Option<String>,
    #[serde(rename = "kid")]
    key_id: Option<String>,
    issuer: Option<String>,
    #[serde(rename = "n")]
    modulus: Option<String>,
    #[serde(rename = "e")]
    exponent: Option<String>,
    #[serde(rename = "d")]
    private_exponent: Option<serde_json::Value>,
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::{Value, json};

    use super::SigningKeys;
    use crate::{openid_configuration::IssuerTemplate, unverified_token::TokenVersion};

    const TENANT: &str = "11111111-1111-4111-8111-111111111111";
    const MSA: &str = "https://login.example/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0";

    fn template() -> IssuerTemplate {
        IssuerTemplate::new("https://login.example/{tenantid}/v2.0".to_owned())
    }

    fn parse(keys: Value) -> Result<SigningKeys, &'static str> {
        SigningKeys::parse(json!({ "keys": keys }).to_string().as_bytes(), template(), TokenVersion::V2)
    }

    fn key() -> Value {
        json!({"kty": "RSA", "use": "sig", "kid": "a", "n": modulus(256, 0x80, 1), "e": "AQAB"})
    }

    fn modulus(length: usize, first: u8, last: u8) -> String {
        let mut bytes = vec![0; length];
        (bytes[0], bytes[length - 1]) = (first, last);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    #[test]
    fn keys_that_cannot_sign_are_left_out() {
        let changes = [
            ("kty", json!("oct")),
            ("kty", json!("EC")),
            ("use", json!("enc")),
            ("key_ops", json!(["encrypt"])),
            ("alg", json!("RSA-OAEP")),
            ("alg", json!("PS256")),
            ("d", json!("AQAB")),
            ("kid", Value::Null),
            ("n", json!("A+AB")),
            ("n", json!(modulus(64, 0x80, 1))),
            ("n", json!(modulus(1024, 0x80, 1))),
            ("n", json!(modulus(256, 0x7f, 1))),
            ("n", json!(modulus(257, 0, 1))),
            ("n", json!(modulus(256, 0x80, 2))),
            ("e", Value::Null),
            ("e", json!("AQ")),
            ("e", json!("AAEAAQ")),
            ("kid", json!(7)),
        ];
        for (name, value) in changes {
            let mut bad = key();
            bad[name] = value.clone();
            assert!(parse(json!([bad])).is_err(), "{name}: {value}");
            let mut good = key();
            good["kid"] = json!("b");
            let keys = parse(json!([bad, good])).unwrap();
            assert!(keys.contains("b") && !keys.contains("a"), "{name}: {value}");
        }
    }

    #[test]
    fn a_usable_key_counts_however_many_others_stand_before_it() {
        let other = json!({"kty": "EC", "kid": "a"});
        let mut good = key();
        good["kid"] = json!("b");
        let mut keys = vec![other; 10 * super::MAX_KEYS];
        keys.push(good);
        assert!(parse(json!(keys)).unwrap().contains("b"));
        assert_eq!(parse(json!(vec![key(); 10 * super::MAX_KEYS])).unwrap().with_id("a").count(), super::MAX_KEYS);
    }

    #[test]
    fn what_is_not_a_key_set_is_refused() {
        for body in ["", "<html>", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":[1,null]}"#] {
            assert!(SigningKeys::parse(body.as_bytes(), template(), TokenVersion::V2).is_err(), "{body}");
        }
    }

    #[test]
    fn a_key_signs_for_its_own_issuer_alone() {
        let with_issuer = |issuer: Value| {
            let mut key = key();
            key["issuer"] = issuer;
            parse(json!([key])).unwrap()
        };
        let iss = format!("https://login.example/{TENANT}/v2.0");
        for (issuer, may) in [
            (Value::Null, true),
            (json!("https://login.example/{tenantid}/v2.0"), true),
            (json!("https://login.example/{tenantId}/v2.0"), true),
            (json!(iss), true),
            (json!(MSA), false),
            (json!("https://other.example/{tenantid}/v2.0"), false),
        ] {
            let keys = with_issuer(issuer.clone());
            let key = keys.with_id("a").next().unwrap();
            assert_eq!(keys.may_sign(key, &iss, TENANT), may, "{issuer}");
        }
    }
}
