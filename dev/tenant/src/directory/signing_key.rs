//! RSA keys that sign tokens, and the ring of those that Entra publishes.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, LazyLock},
    thread,
};

use anyhow::{Context as _, Result, anyhow};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use parking_lot::{Mutex, RwLock};
use ring::{
    digest,
    rand::SystemRandom,
    rsa::{KeyPair, PublicKeyComponents},
    signature::{self, RsaEncoding},
};
use rsa::{
    RsaPrivateKey,
    pkcs8::{Document, EncodePrivateKey as _, EncodePublicKey as _, SecretDocument},
    rand_core::OsRng,
};
use serde_json::json;

use crate::jwt::{Object, object};

const KEY_BITS: usize = 2048;

/// An RSA key of 2,048 bits with a self-signed certificate.
pub(crate) struct SigningKey {
    private: RsaPrivateKey,
    /// The same key, for signing and verifying. `rsa` makes keys, which `ring` cannot, and forges signatures.
    pair: KeyPair,
    /// DER.
    certificate: Vec<u8>,
    key_id: String,
}

impl SigningKey {
    /// Makes a new key; this takes a fifth of a second.
    ///
    /// # Errors
    /// When the random number generator fails.
    pub(crate) fn generate() -> Result<Self> {
        let private = RsaPrivateKey::new(&mut OsRng, KEY_BITS).context("cannot make an RSA key")?;
        let encoded = private.to_pkcs8_der().context("cannot encode a private key")?;
        let pair = KeyPair::from_pkcs8(encoded.as_bytes()).map_err(|error| anyhow!("ring refuses a key: {error}"))?;
        let certificate = self_signed_certificate(encoded.as_bytes())?;
        let thumbprint = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &certificate);
        Ok(Self { private, pair, key_id: URL_SAFE_NO_PAD.encode(thumbprint), certificate })
    }

    /// The `kid` of Entra's keys: the certificate's SHA-1 thumbprint in base64url.
    pub(crate) fn key_id(&self) -> &str {
        &self.key_id
    }

    pub(crate) fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    pub(crate) fn private_key(&self) -> &RsaPrivateKey {
        &self.private
    }

    /// The private key in the form of PKCS #8 (RFC 5958), in DER.
    pub(crate) fn private_key_der(&self) -> Result<SecretDocument> {
        self.private.to_pkcs8_der().context("cannot encode a private key")
    }

    /// The public key as the `SubjectPublicKeyInfo` of RFC 5280 section 4.1, in DER.
    pub(crate) fn public_key_der(&self) -> Result<Document> {
        self.private.to_public_key().to_public_key_der().context("cannot encode a public key")
    }

    fn public_key(&self) -> PublicKeyComponents<Vec<u8>> {
        self.pair.public().into()
    }

    /// Signs with PKCS #1 v1.5 and SHA-256, the algorithm `RS256` of RFC 7518 section 3.3.
    pub(crate) fn sign_rs256(&self, message: &[u8]) -> Vec<u8> {
        self.sign(&signature::RSA_PKCS1_SHA256, message)
    }

    /// Signs with PSS and SHA-256, the algorithm `PS256` of RFC 7518 section 3.5.
    pub(crate) fn sign_ps256(&self, message: &[u8]) -> Vec<u8> {
        self.sign(&signature::RSA_PSS_SHA256, message)
    }

    #[expect(clippy::expect_used, reason = "the buffer has the length of the modulus, the only condition there is")]
    fn sign(&self, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(encoding, &SystemRandom::new(), message, &mut signature)
            .expect("an RSA key signs into a buffer as long as its modulus");
        signature
    }

    pub(crate) fn verifies_rs256(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public_key().verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
    }

    /// The public key as in Entra's key sets: without `alg`, with `x5t` equal to `kid`.
    pub(crate) fn json_web_key(&self) -> Object {
        let PublicKeyComponents { n, e } = self.public_key();
        object(json!({
            "kty": "RSA",
            "use": "sig",
            "kid": self.key_id,
            "x5t": self.key_id,
            "n": URL_SAFE_NO_PAD.encode(n),
            "e": URL_SAFE_NO_PAD.encode(e),
            "x5c": [STANDARD.encode(&self.certificate)],
        }))
    }
}

fn self_signed_certificate(private_key: &[u8]) -> Result<Vec<u8>> {
    let private_key = rcgen::KeyPair::try_from(private_key).context("rcgen cannot read a private key")?;
    let mut parameters = rcgen::CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "Emulated tenant, for development only");
    let certificate = parameters.self_signed(&private_key).context("cannot make a certificate")?;
    Ok(certificate.der().to_vec())
}

/// Keys of tenants that have ended, the longest unused first: a test program starts hundreds of tenants, and making a key takes
/// longer than most tests.
struct SpareKeys(VecDeque<Arc<SigningKey>>);

static SPARE: Mutex<SpareKeys> = Mutex::new(SpareKeys(VecDeque::new()));

impl SpareKeys {
    /// How many keys stay unused, so that a tenant that is started right after another has other keys.
    const RESERVE: usize = 24;

    fn take(&mut self) -> Option<Arc<SigningKey>> {
        if self.0.len() > Self::RESERVE { self.0.pop_front() } else { None }
    }
}

/// A key that no other tenant has at the moment.
fn unused_key() -> Result<Arc<SigningKey>> {
    let spare = SPARE.lock().take();
    spare.map_or_else(|| Ok(Arc::new(SigningKey::generate()?)), Ok)
}

/// The keys of the login host. All its directories share them, as they do at Entra.
pub(crate) struct KeyRing {
    published: RwLock<Published>,
    /// Published before. Tokens that they signed are valid until they expire.
    retired: RwLock<Vec<Arc<SigningKey>>>,
    /// Published for personal Microsoft accounts, whose issuer is another one.
    pub(crate) microsoft_account: LazyLock<Arc<SigningKey>>,
    /// Published in the set of `common` as a key of another cloud. Nothing in this cloud is signed with it.
    pub(crate) other_cloud: LazyLock<Arc<SigningKey>>,
    /// Never published: a forger's key.
    pub(crate) stranger: LazyLock<Arc<SigningKey>>,
}

/// The keys published for organisations: always two.
#[derive(Clone)]
struct Published {
    signing: Arc<SigningKey>,
    other: Arc<SigningKey>,
}

impl Published {
    /// Makes both keys at the same time, since each may take a while.
    fn new() -> Result<Self> {
        let (signing, other) = thread::scope(|scope| {
            let other = scope.spawn(unused_key);
            (unused_key(), other.join())
        });
        let other = other.map_err(|_| anyhow!("the search for an RSA key panicked"))?;
        Ok(Self { signing: signing?, other: other? })
    }
}

#[expect(clippy::expect_used, reason = "the ring exists because keys can be made here")]
fn seldom_used_key() -> Arc<SigningKey> {
    unused_key().expect("a key can be made where two were made before")
}

impl KeyRing {
    /// Takes the two published keys; the others are taken when they are first used.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            published: RwLock::new(Published::new()?),
            retired: RwLock::default(),
            microsoft_account: LazyLock::new(seldom_used_key),
            other_cloud: LazyLock::new(seldom_used_key),
            stranger: LazyLock::new(seldom_used_key),
        })
    }

    /// The key that signs new tokens.
    pub(crate) fn current(&self) -> Arc<SigningKey> {
        Arc::clone(&self.published.read().signing)
    }

    /// The published keys for organisations, in an order without meaning.
    pub(crate) fn published(&self) -> [Arc<SigningKey>; 2] {
        let Published { signing, other } = self.published.read().clone();
        let mut keys = [signing, other];
        keys.sort_by(|one, other| one.key_id().cmp(other.key_id()));
        keys
    }

    /// The published key for organisations with this `kid`.
    pub(crate) fn find(&self, key_id: &str) -> Option<Arc<SigningKey>> {
        self.published().into_iter().find(|key| key.key_id() == key_id)
    }

    /// The key with this `kid`, published or retired: what a service of Microsoft's accepts that caches keys for longer than
    /// tokens live.
    pub(crate) fn find_accepted(&self, key_id: &str) -> Option<Arc<SigningKey>> {
        let retired = || self.retired.read().iter().find(|key| key.key_id() == key_id).cloned();
        self.find(key_id).or_else(retired)
    }

    /// A new key signs from now on; the previous one stays published, the one before it does not.
    pub(crate) fn rotate(&self) -> Result<()> {
        let newest = unused_key()?;
        let mut published = self.published.write();
        let previous = mem::replace(&mut published.signing, newest);
        self.retired.write().push(mem::replace(&mut published.other, previous));
        Ok(())
    }

    /// Replaces both published keys at once, as Entra may in an emergency.
    pub(crate) fn replace_all(&self) -> Result<()> {
        let replacement = Published::new()?;
        *self.published.write() = replacement;
        self.retired.write().clear();
        Ok(())
    }
}

impl Drop for KeyRing {
    fn drop(&mut self) {
        let Published { signing, other } = self.published.get_mut().clone();
        let seldom_used = [&self.microsoft_account, &self.other_cloud, &self.stranger];
        let seldom_used = seldom_used.into_iter().filter_map(LazyLock::get).cloned();
        let retired = mem::take(self.retired.get_mut());
        // The key that signed last is the last to be used again.
        SPARE.lock().0.extend(retired.into_iter().chain(seldom_used).chain([other, signing]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_keeps_the_previous_key_and_drops_the_one_before() {
        let ring = KeyRing::new().unwrap();
        let before = ring.current();
        ring.rotate().unwrap();
        let after = ring.current();
        assert_ne!(after.key_id(), before.key_id());
        assert!(ring.find(before.key_id()).is_some());
        ring.rotate().unwrap();
        assert!(ring.find(after.key_id()).is_some());
        assert!(ring.find(before.key_id()).is_none());
        assert!(ring.find_accepted(before.key_id()).is_some());
        ring.replace_all().unwrap();
        assert!(ring.find_accepted(before.key_id()).is_none());
    }

    #[test]
    fn the_key_that_was_unused_longest_is_used_again_first() {
        let [one, other] = [(); 2].map(|()| Arc::new(SigningKey::generate().unwrap()));
        let mut spare = SpareKeys([Arc::clone(&one)].into());
        for _ in 0..SpareKeys::RESERVE {
            assert!(spare.take().is_none());
            spare.0.push_back(Arc::clone(&other));
        }
        assert!(Arc::ptr_eq(&spare.take().unwrap(), &one));
        assert!(spare.take().is_none());
    }

    #[test]
    fn two_rings_never_share_a_key_nor_does_one_with_its_successor() {
        let keys = |ring: &KeyRing| ring.published().map(|key| key.key_id().to_owned());
        let [one, other] = [(); 2].map(|()| KeyRing::new().unwrap());
        let of_one = keys(&one);
        drop(one);
        let next = KeyRing::new().unwrap();
        for key in keys(&next) {
            assert!(!of_one.contains(&key));
            assert!(!keys(&other).contains(&key));
        }
    }

    #[test]
    fn a_key_verifies_its_own_signature_alone() {
        let ring = KeyRing::new().unwrap();
        let mut signature = ring.stranger.sign_rs256(b"message");
        assert!(ring.stranger.verifies_rs256(b"message", &signature));
        assert!(!ring.current().verifies_rs256(b"message", &signature));
        assert!(!ring.stranger.verifies_rs256(b"massage", &signature));
        signature[9] ^= 1;
        assert!(!ring.stranger.verifies_rs256(b"message", &signature));
        assert!(!ring.stranger.verifies_rs256(b"message", &ring.stranger.sign_ps256(b"message")));
    }
}
