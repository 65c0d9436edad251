//! From a JSON Web Key Set (RFC 7517) to the keys that a tenant signs its tokens with.

use std::{ptr, sync::OnceLock};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use lru::LruCache;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use rsa_signature::RsaPublicKey;

use crate::{caller::unverified_token::TokenVersion, keys::openid_configuration::IssuerTemplate, locked::Locked};

/// Entra publishes fewer than ten; no more usable ones than this are taken from a longer list.
const MAX_KEYS: usize = 100;

/// How many verified tokens are remembered. Each takes 32 bytes and a place in a list.
const MAX_VERIFIED: usize = 16_384;

/// The keys of one tenant, and the issuer that they vouch for.
#[derive(Debug)]
pub(crate) struct SigningKeys {
    issuer: IssuerTemplate,
    cloud: Option<String>,
    version: TokenVersion,
    keys: Vec<SigningKey>,
    /// The SHA-256 of tokens whose signatures were verified, and the number of the key that verified them.
    verified: Locked<LruCache<[u8; 32], usize>>,
}

/// One key.
#[derive(Debug)]
pub(crate) struct SigningKey {
    id: String,
    issuer: Option<IssuerTemplate>,
    cloud: Option<String>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    // Preparing a key costs as much as a few verifications, and most keys of a set are never used.
    prepared: OnceLock<Option<RsaPublicKey>>,
}

impl SigningKeys {
    /// Reads the key set for tokens of `version` that name `issuer`.
    ///
    /// # Errors
    /// What is wrong, in words for the log: no JSON, or no key that could sign a token.
    pub(crate) fn parse(body: &[u8], issuer: IssuerTemplate, version: TokenVersion) -> Result<Self, &'static str> {
        let keys = signing_keys(body)?;
        if keys.is_empty() {
            return Err("the key set has no usable RSA signing key");
        }
        let verified = Locked::new(LruCache::unbounded());
        Ok(Self { issuer, cloud: None, version, keys, verified })
    }

    /// The same keys, of which those that name another cloud than `cloud` sign for nobody: the set for several tenants
    /// also has keys of other clouds, under this cloud's issuer.
    #[must_use]
    pub(crate) fn of_cloud(self, cloud: Option<String>) -> Self {
        Self { cloud, ..self }
    }

    /// Whether a key does not say for which of several tenants it signs, as in the v1 sets.
    #[must_use]
    pub(crate) fn lack_issuers(&self) -> bool {
        self.keys.iter().any(|key| !self.has_issuer(key))
    }

    /// The same keys, those without an issuer with that of the key of the same id in `v2_key_set`.
    ///
    /// # Errors
    /// See [`SigningKeys::parse`].
    pub(crate) fn with_issuers_of(mut self, v2_key_set: &[u8]) -> Result<Self, &'static str> {
        let others = signing_keys(v2_key_set)?;
        for key in self.keys.iter_mut().filter(|key| key.issuer.is_none()) {
            let mut same = others.iter().filter(|other| other.id == key.id);
            // A key that the set has twice, with different issuers perhaps, has none.
            if let (Some(other), None) = (same.next(), same.next()) {
                key.issuer.clone_from(&other.issuer);
                key.cloud = key.cloud.take().or_else(|| other.cloud.clone());
            }
        }
        Ok(self)
    }

    /// The issuer that a token of this tenant must name.
    #[must_use]
    pub(crate) const fn issuer(&self) -> &IssuerTemplate {
        &self.issuer
    }

    /// Whether a key of this id is in the set.
    #[must_use]
    pub(crate) fn contains(&self, key_id: &str) -> bool {
        self.with_id(key_id).next().is_some()
    }

    /// The keys with this id: one, unless the set repeats it. In a set for several tenants, a key that names no issuer
    /// does not count, so that it is looked up again.
    pub(crate) fn with_id<'a>(&'a self, key_id: &'a str) -> impl Iterator<Item = &'a SigningKey> {
        self.keys.iter().filter(move |key| key.id == key_id && self.has_issuer(key))
    }

    /// What a single tenant publishes is for that tenant, with or without an issuer.
    fn has_issuer(&self, key: &SigningKey) -> bool {
        key.issuer.is_some() || !self.issuer.is_of_several()
    }

    /// Whether `signature` is that of `key`, one of this set, for the message with this SHA-256.
    ///
    /// A verified token is remembered with this set, so that a page which sends the same token many times has it
    /// verified once. A digest of every byte of the token is remembered, bound to the key. It is forgotten with the
    /// set, so a withdrawn key verifies nothing. Everything else about a token is judged each time.
    #[must_use]
    pub(crate) fn verify(&self, key: &SigningKey, digest: &[u8; 32], signature: &[u8]) -> bool {
        let Some(number) = self.keys.iter().position(|own| ptr::eq(own, key)) else { return false };
        // `digest` commits to what is signed, this one to the signature as well.
        let token: [u8; 32] = Sha256::new().chain_update(digest).chain_update(signature).finalize().into();
        if self.verified.lock().get(&token) == Some(&number) {
            return true;
        }
        let is_verified = key.verifies(digest, signature);
        if is_verified {
            self.remember(token, number);
        }
        is_verified
    }

    fn remember(&self, token: [u8; 32], number: usize) {
        let mut verified = self.verified.lock();
        verified.put(token, number);
        if verified.len() > MAX_VERIFIED {
            verified.pop_lru();
        }
    }

    /// Whether `key` may sign for `token_issuer` of `tenant_id`.
    ///
    /// In the sets for several tenants each key names its issuer: the keys for personal accounts, say, must not sign for
    /// an organisation. It is always the issuer of v2 tokens, so for a v1 token the tenant in it is what counts.
    /// <https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer>
    #[must_use]
    pub(crate) fn may_sign(&self, key: &SigningKey, token_issuer: &str, tenant_id: &str) -> bool {
        if let (Some(own), Some(of_document)) = (&key.cloud, &self.cloud)
            && own != of_document
        {
            return false;
        }
        let Some(template) = &key.issuer else { return self.has_issuer(key) };
        match self.version {
            TokenVersion::V1 => template.names(tenant_id),
            TokenVersion::V2 => template.for_tenant(tenant_id) == token_issuer,
        }
    }
}

impl SigningKey {
    /// A key that can sign with RS256, `None` for any other entry of a set.
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
        let cloud = jwk.cloud_instance_name;
        Some(Self { id: jwk.key_id?, issuer, cloud, modulus, exponent, prepared: OnceLock::new() })
    }

    /// Whether `signature` is this key's signature of the message with this SHA-256.
    #[must_use]
    pub(crate) fn verifies(&self, digest: &[u8; 32], signature: &[u8]) -> bool {
        self.prepared
            .get_or_init(|| RsaPublicKey::new(&self.modulus, &self.exponent).ok())
            .as_ref()
            .is_some_and(|key| key.verify_sha256_digest(digest, signature))
    }
}

/// The usable keys of a set.
fn signing_keys(body: &[u8]) -> Result<Vec<SigningKey>, &'static str> {
    let set: Set = serde_json::from_slice(body).map_err(|_| "the key set is not JSON of the form {\"keys\":[...]}")?;
    let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
    Ok(keys.filter_map(SigningKey::from_jwk).take(MAX_KEYS).collect())
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
    cloud_instance_name: Option<String>,
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
    use crate::{caller::unverified_token::TokenVersion, keys::openid_configuration::IssuerTemplate};

    const TENANT: &str = "11111111-1111-4111-8111-111111111111";
    const MSA: &str = "https://login.example/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0";

    fn template() -> IssuerTemplate {
        IssuerTemplate::new("https://login.example/{tenantid}/v2.0".to_owned())
    }

    fn parse(keys: Value) -> Result<SigningKeys, &'static str> {
        SigningKeys::parse(json!({ "keys": keys }).to_string().as_bytes(), template(), TokenVersion::V2)
    }

    /// Of a tenant's own set, in which keys need no issuer.
    fn parse_of_one(keys: Value) -> Result<SigningKeys, &'static str> {
        let issuer = IssuerTemplate::new(format!("https://login.example/{TENANT}/v2.0"));
        SigningKeys::parse(json!({ "keys": keys }).to_string().as_bytes(), issuer, TokenVersion::V2)
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
    fn a_verdict_is_about_every_byte_of_a_token_and_about_one_key() {
        use rsa::{
            RsaPrivateKey,
            pkcs1v15::SigningKey,
            signature::{SignatureEncoding, hazmat::PrehashSigner},
            traits::PublicKeyParts,
        };

        let private = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
        let digest = [7; 32];
        let signature = SigningKey::<sha2::Sha256>::new(private.clone()).sign_prehash(&digest).unwrap().to_vec();
        let modulus = URL_SAFE_NO_PAD.encode(private.n().to_bytes_be());
        let own = json!({"kty": "RSA", "kid": "a", "n": modulus, "e": "AQAB"});
        let other = json!({"kty": "RSA", "kid": "b", "n": self::modulus(256, 0x80, 1), "e": "AQAB"});
        let keys = parse_of_one(json!([own, other])).unwrap();
        let verify = |id: &str, digest: &[u8; 32], signature: &[u8]| {
            keys.verify(keys.with_id(id).next().unwrap(), digest, signature)
        };
        for _ in 0..2 {
            assert!(verify("a", &digest, &signature));
            assert!(!verify("b", &digest, &signature), "another key");
            for at in 0..signature.len() {
                let mut changed = signature.clone();
                changed[at] ^= 1;
                assert!(!verify("a", &digest, &changed), "byte {at} of the signature");
                if let Some(byte) = changed.get(at).filter(|_| at < digest.len()) {
                    let mut changed = digest;
                    changed[at] ^= byte | 1;
                    assert!(!verify("a", &changed, &signature), "byte {at} of the digest");
                }
            }
        }
        assert_eq!(keys.verified.lock().len(), 1);
        // Another set with the same key has to verify it again, and one with another key of that id verifies nothing.
        let renamed = json!({"kty": "RSA", "kid": "a", "n": self::modulus(256, 0x80, 1), "e": "AQAB"});
        let withdrawn = parse_of_one(json!([renamed])).unwrap();
        assert!(!withdrawn.verify(withdrawn.with_id("a").next().unwrap(), &digest, &signature));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let key = json!({"kty": "RSA", "kid": "a", "n": modulus(256, 0x80, 1), "e": "AQAB"});
        let keys = parse_of_one(json!([key])).unwrap();
        for number in 0..super::MAX_VERIFIED + 10 {
            let mut token = [0; 32];
            token[..8].copy_from_slice(&number.to_be_bytes());
            keys.remember(token, 0);
        }
        assert_eq!(keys.verified.lock().len(), super::MAX_VERIFIED);
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
            assert!(parse_of_one(json!([bad])).is_err(), "{name}: {value}");
            let mut good = key();
            good["kid"] = json!("b");
            let keys = parse_of_one(json!([bad, good])).unwrap();
            assert!(keys.contains("b") && !keys.contains("a"), "{name}: {value}");
        }
    }

    #[test]
    fn a_usable_key_counts_however_many_others_precede_it() {
        let other = json!({"kty": "EC", "kid": "a"});
        let mut good = key();
        good["kid"] = json!("b");
        let mut keys = vec![other; 10 * super::MAX_KEYS];
        keys.push(good);
        assert!(parse_of_one(json!(keys)).unwrap().contains("b"));
        let repeated = parse_of_one(json!(vec![key(); 10 * super::MAX_KEYS])).unwrap();
        assert_eq!(repeated.with_id("a").count(), super::MAX_KEYS);
    }

    #[test]
    fn what_is_not_a_key_set_is_refused() {
        for body in ["", "<html>", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":[1,null]}"#] {
            assert!(SigningKeys::parse(body.as_bytes(), template(), TokenVersion::V2).is_err(), "{body}");
        }
    }

    #[test]
    fn a_key_signs_for_its_own_issuer_alone() {
        let iss = format!("https://login.example/{TENANT}/v2.0");
        let one_tenant = IssuerTemplate::new(iss.clone());
        for (issuer, of_several, of_one) in [
            (Value::Null, false, true),
            (json!("https://login.example/{tenantid}/v2.0"), true, true),
            (json!("https://login.example/{tenantId}/v2.0"), true, true),
            (json!(iss), true, true),
            (json!(MSA), false, false),
            (json!("https://other.example/{tenantid}/v2.0"), false, false),
        ] {
            let mut key = key();
            key["issuer"] = issuer.clone();
            let body = json!({ "keys": [key] }).to_string();
            for (document, may) in [(template(), of_several), (one_tenant.clone(), of_one)] {
                let keys = SigningKeys::parse(body.as_bytes(), document, TokenVersion::V2).unwrap();
                assert_eq!(may_sign(&keys, &iss), may, "{issuer}");
                assert_eq!(keys.contains("a"), !issuer.is_null() || may, "{issuer}");
            }
        }
    }

    fn may_sign(keys: &SigningKeys, issuer: &str) -> bool {
        keys.with_id("a").any(|key| keys.may_sign(key, issuer, TENANT))
    }

    #[test]
    fn a_v1_key_has_the_issuer_of_the_same_key_in_the_v2_set() {
        let v1_issuer = "https://sts.windows.net/{tenantid}/";
        let iss = v1_issuer.replace("{tenantid}", TENANT);
        let v1 = || {
            let body = json!({ "keys": [key()] }).to_string();
            SigningKeys::parse(body.as_bytes(), IssuerTemplate::new(v1_issuer.to_owned()), TokenVersion::V1).unwrap()
        };
        assert!(v1().lack_issuers() && !may_sign(&v1(), &iss));
        let with = |changes: &[Value]| {
            let keys: Vec<Value> = changes
                .iter()
                .map(|change| {
                    let mut key = key();
                    change.as_object().unwrap().iter().for_each(|(name, value)| key[name] = value.clone());
                    key
                })
                .collect();
            let keys =
                v1().of_cloud(Some("here".to_owned())).with_issuers_of(json!({"keys": keys}).to_string().as_bytes());
            may_sign(&keys.unwrap(), &iss)
        };
        let of_organisations = json!({"issuer": "https://login.example/{tenantid}/v2.0"});
        let of_tenant = json!({"issuer": format!("https://login.example/{TENANT}/v2.0")});
        let of_personal_accounts = json!({"issuer": MSA});
        for (v2_keys, may) in [
            (vec![of_organisations.clone()], true),
            (vec![of_tenant], true),
            (vec![of_personal_accounts.clone()], false),
            (vec![json!({"issuer": "https://login.example/{tenantid}/v2.0", "kid": "b"})], false),
            (
                vec![json!({"issuer": "https://login.example/{tenantid}/v2.0", "cloud_instance_name": "elsewhere"})],
                false,
            ),
            (vec![json!({})], false),
            (vec![], false),
            (vec![of_organisations, of_personal_accounts], false),
        ] {
            assert_eq!(with(&v2_keys), may, "{v2_keys:?}");
        }
        assert!(v1().with_issuers_of(b"<html>").is_err());
    }

    #[test]
    fn a_key_of_another_cloud_signs_for_nobody() {
        let iss = format!("https://login.example/{TENANT}/v2.0");
        for (of_key, of_document, may) in [
            (json!("microsoftonline.com"), Some("microsoftonline.com"), true),
            (json!("microsoftonline.us"), Some("microsoftonline.com"), false),
            (json!("microsoftonline.us"), None, true),
            (Value::Null, Some("microsoftonline.com"), true),
        ] {
            let mut key = key();
            key["issuer"] = json!("https://login.example/{tenantid}/v2.0");
            key["cloud_instance_name"] = of_key.clone();
            let keys = parse(json!([key])).unwrap().of_cloud(of_document.map(str::to_owned));
            assert_eq!(may_sign(&keys, &iss), may, "{of_key} {of_document:?}");
            // It is known, so that it is not looked up again and again.
            assert!(keys.contains("a"));
        }
    }
}
