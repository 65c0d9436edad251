//! A certificate with its private key, and the assertions that it signs.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jwt_simple::prelude::{Claims, Duration, KeyMetadata, PS256KeyPair, RSAKeyPairLike};
use lru::LruCache;
use pem::Pem;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{credential::x509::X509, host::UnixTime, locked::Locked};

/// How long an assertion is valid. Microsoft advises five to ten minutes.
const ASSERTION_SECONDS: u64 = 600;

/// An assertion is not used again when it has less than this left, for the sake of clocks and of slow networks.
const ASSERTION_MARGIN_SECONDS: u64 = 120;

/// How many directories' assertions are kept.
const ASSERTIONS: std::num::NonZeroUsize = std::num::NonZeroUsize::new(64).unwrap();

const ENCRYPTED: &str =
    "has a private key that is encrypted with a password; set the key without one (openssl pkey -in key.pem)";

/// Entra accepts only RSA for client assertions.
const NOT_RSA: &str = "has a private key that is not RSA, and Entra accepts only RSA for certificates of applications; make a certificate \
     with an RSA key";

/// Object identifiers in DER of the kinds of key that PKCS#8 may hold, other than RSA: EC, the Edwards and Montgomery
/// curves, DSA, RSA that is restricted to PSS.
const OTHER_KEYS: [&[u8]; 4] = [
    &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1],
    &[6, 3, 0x2b, 0x65],
    &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1],
    &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10],
];

/// What signs assertions.
pub(crate) struct Certificate {
    key: PS256KeyPair,
    not_before: UnixTime,
    not_after: UnixTime,
    /// By audience and application, with the times at which they expire.
    assertions: Locked<LruCache<(String, Uuid), (String, UnixTime)>>,
}

impl Certificate {
    /// Finds a private key and its own certificate in a PEM text that `client_secret::pem` has tidied. Their order does
    /// not matter, nor what else is among the blocks: certificates of its issuers, other keys.
    ///
    /// # Errors
    /// What is wrong, in words for the log, without the value.
    pub(super) fn parse(pem: &str) -> Result<Self, &'static str> {
        // The headers of RFC 1421, which openssl writes for no other reason.
        if pem.contains("Proc-Type:") {
            return Err(ENCRYPTED);
        }
        let blocks = pem::parse_many(pem).map_err(|_| {
            "is a PEM text with a block that is damaged; export private key and certificate again and set the whole text"
        })?;
        let mut keys = Vec::new();
        let mut fault = without_key(&blocks);
        for block in blocks.iter().filter(|block| block.tag().ends_with("PRIVATE KEY")) {
            match private_key(block) {
                Ok(key) => keys.push(key),
                Err(words) => fault = words,
            }
        }
        if keys.is_empty() {
            return Err(fault);
        }
        let certificates: Vec<&Pem> =
            blocks.iter().filter(|block| matches!(block.tag(), "CERTIFICATE" | "X509 CERTIFICATE")).collect();
        if certificates.is_empty() {
            return Err(
                "has a private key without its certificate, by which Entra knows the key; set both in one PEM text",
            );
        }
        for certificate in certificates {
            let der = certificate.contents();
            let x509 = X509::parse(der)
                .map_err(|_| "has a certificate that cannot be read; export it again and set the whole text")?;
            if let Some(at) = keys.iter().position(|key| is_key_of(key, &x509)) {
                let (not_before, not_after) = (x509.not_before, x509.not_after);
                return Ok(Self {
                    key: with_thumbprint(keys.swap_remove(at), der)?,
                    not_before,
                    not_after,
                    assertions: Locked::new(LruCache::new(ASSERTIONS)),
                });
            }
        }
        Err("has a private key that does not belong to the certificate; set the certificate together with its own key")
    }

    /// What to do when Entra has refused it.
    pub(super) const fn remedy(&self, now: UnixTime) -> &'static str {
        if now.0 > self.not_after.0 {
            "the certificate in clientsecret has expired: make a new one and upload its public part to the app registration"
        } else if now.0 < self.not_before.0 {
            "the certificate in clientsecret is not valid yet: compare its validity with the clock"
        } else {
            "upload the public part of the certificate in clientsecret to the app registration"
        }
    }

    /// A signed assertion in the form that Entra documents. It is reused until shortly before it expires, because
    /// signing takes 20 ms in Wasm.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>
    pub(super) fn assertion(
        &self,
        audience: &str,
        client_id: Uuid,
        now: UnixTime,
        random: [u8; 16],
    ) -> Result<String, String> {
        let purpose = (audience.to_owned(), client_id);
        if let Some((assertion, expires)) = self.assertions.lock().get(&purpose)
            && now.plus(ASSERTION_MARGIN_SECONDS) < *expires
        {
            return Ok(assertion.clone());
        }
        let expires = now.plus(ASSERTION_SECONDS);
        let mut claims = Claims::create(Duration::from_secs(ASSERTION_SECONDS))
            .with_audience(audience)
            .with_issuer(client_id)
            .with_subject(client_id)
            .with_jwt_id(uuid::Builder::from_random_bytes(random).into_uuid());
        claims.issued_at = Some(Duration::from_secs(now.0));
        claims.invalid_before = Some(Duration::from_secs(now.0));
        claims.expires_at = Some(Duration::from_secs(expires.0));
        let assertion = self.key.sign(claims).map_err(|error| error.to_string())?;
        self.assertions.lock().put(purpose, (assertion.clone(), expires));
        Ok(assertion)
    }
}

/// What a PEM text without a private key is.
fn without_key(blocks: &[Pem]) -> &'static str {
    let has = |part: &str| blocks.iter().any(|block| block.tag().contains(part));
    if has("CERTIFICATE REQUEST") {
        "is a request for a certificate (CSR); set the certificate that was issued for it, with its private key"
    } else if has("CERTIFICATE") {
        "is a certificate without its private key; export both in one PEM text"
    } else if has("PUBLIC KEY") {
        "is a public key; set a certificate with its private key in one PEM text"
    } else if has("PKCS7") {
        "is a PKCS#7 chain, which has no private key; set a certificate with its private key in one PEM text"
    } else {
        "is a PEM text without a private key and a certificate; set both in one PEM text"
    }
}

fn private_key(block: &Pem) -> Result<PS256KeyPair, &'static str> {
    let is_of_other_kind = || {
        let start = block.contents().get(..32).unwrap_or_default();
        OTHER_KEYS.iter().any(|id| start.windows(id.len()).any(|window| window == *id))
    };
    match block.tag() {
        "ENCRYPTED PRIVATE KEY" => Err(ENCRYPTED),
        "PRIVATE KEY" if is_of_other_kind() => Err(NOT_RSA),
        "PRIVATE KEY" | "RSA PRIVATE KEY" => PS256KeyPair::from_der(block.contents()).map_err(|_| {
            "has an RSA private key that is damaged, or not of 2048 to 4096 bits with the exponent 65537; make a \
             certificate with such a key"
        }),
        _ => Err(NOT_RSA),
    }
}

/// Whether the certified public key has the private key's modulus, which no other key has.
fn is_key_of(key: &PS256KeyPair, certificate: &X509<'_>) -> bool {
    let modulus = key.public_key().to_components().n;
    certificate.public_key.windows(modulus.len()).any(|window| window == modulus)
}

fn with_thumbprint(mut key: PS256KeyPair, certificate: &[u8]) -> Result<PS256KeyPair, &'static str> {
    let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(certificate));
    KeyMetadata::default()
        .with_certificate_sha256_thumbprint(thumbprint)
        .and_then(|metadata| key.attach_metadata(metadata))
        .map_err(|_| "has a certificate that cannot be used")?;
    Ok(key)
}
