//! How this API proves itself to Entra: a secret, or an assertion signed by a certificate's key.

use std::{cell::RefCell, fmt};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jwt_simple::prelude::{Claims, Duration, KeyMetadata, PS256KeyPair, RSAKeyPairLike};
use lru::LruCache;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::host::UnixTime;

/// How long an assertion is valid. Microsoft advises five to ten minutes.
const ASSERTION_SECONDS: u64 = 600;

/// An assertion is not used again when it has less than this left, for the sake of clocks and of slow networks.
const ASSERTION_MARGIN_SECONDS: u64 = 120;

/// How many directories' assertions are kept.
const ASSERTIONS: std::num::NonZeroUsize = std::num::NonZeroUsize::new(64).unwrap();

/// The value of `client_secret`, understood.
pub struct ClientCredential {
    text: String,
    kind: Kind,
}

enum Kind {
    Secret,
    Certificate(Box<Certificate>),
}

struct Certificate {
    key: PS256KeyPair,
    assertions: RefCell<LruCache<String, (String, UnixTime)>>,
}

impl ClientCredential {
    /// Understands the value of `client_secret`: a client secret, or a PEM bundle of a private key and its certificate
    /// as Key Vault serves a certificate whose content type is `application/x-pem-file`.
    ///
    /// # Errors
    /// What is wrong, in words for the log, without the value.
    pub fn parse(text: String) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("is empty; set the client secret, or a PEM bundle of certificate and private key");
        }
        let kind = if text.trim_start().starts_with("-----BEGIN") {
            Kind::Certificate(Box::new(Certificate::parse(&text)?))
        } else if text.trim() != text || text.chars().any(char::is_control) {
            return Err("has blanks around it or control characters in it; set the bare secret value");
        } else {
            Kind::Secret
        };
        Ok(Self { text, kind })
    }

    /// Adds the fields that authenticate the client to a token request for `token_endpoint`.
    ///
    /// # Errors
    /// The signer's own words.
    pub fn authenticate(
        &self,
        form: &mut form_urlencoded::Serializer<'_, String>,
        token_endpoint: &str,
        client_id: Uuid,
        now: UnixTime,
        random: [u8; 16],
    ) -> Result<(), String> {
        match &self.kind {
            Kind::Secret => {
                form.append_pair("client_secret", &self.text);
            }
            Kind::Certificate(certificate) => {
                let assertion = certificate.assertion(token_endpoint, client_id, now, random)?;
                // RFC 7523 section 2.2
                form.append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
                form.append_pair("client_assertion", &assertion);
            }
        }
        Ok(())
    }

    /// Whether both are the same value.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.text == other.text
    }

    /// The value, as material for keys that only holders of it can derive.
    #[must_use]
    pub const fn key_material(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl Certificate {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let blocks = pem::parse_many(text).map_err(|_| "is not a readable PEM bundle")?;
        let key = blocks
            .iter()
            .find(|block| matches!(block.tag(), "PRIVATE KEY" | "RSA PRIVATE KEY"))
            .ok_or("is a PEM bundle without a private key (unencrypted, RSA)")?;
        // The certificate itself comes first, then those that vouch for it.
        let certificate =
            blocks.iter().find(|block| block.tag() == "CERTIFICATE").ok_or("is a PEM bundle without a certificate")?;
        let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.contents()));
        let mut key = PS256KeyPair::from_pem(&pem::encode(key))
            .map_err(|_| "is a PEM bundle whose private key is not RSA of at least 2048 bits")?;
        KeyMetadata::default()
            .with_certificate_sha256_thumbprint(thumbprint)
            .and_then(|metadata| key.attach_metadata(metadata))
            .map_err(|_| "is a PEM bundle whose certificate cannot be used")?;
        Ok(Self { key, assertions: RefCell::new(LruCache::new(ASSERTIONS)) })
    }

    /// A signed assertion, of the form that Entra documents, used again until near its end: signing takes 20 ms in Wasm.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>
    fn assertion(&self, audience: &str, client_id: Uuid, now: UnixTime, random: [u8; 16]) -> Result<String, String> {
        if let Some((assertion, expires)) = self.assertions.borrow_mut().get(audience)
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
        self.assertions.borrow_mut().put(audience.to_owned(), (assertion.clone(), expires));
        Ok(assertion)
    }
}

impl fmt::Debug for ClientCredential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.kind {
            Kind::Secret => "ClientCredential(secret, [redacted])",
            Kind::Certificate(_) => "ClientCredential(certificate, [redacted])",
        })
    }
}
