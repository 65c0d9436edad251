//! Certificates of confidential clients: made here for tests, or registered from a PEM text.

use anyhow::{Context as _, Result, anyhow, bail};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest,
    signature::{self, UnparsedPublicKey},
};
use serde_json::json;
use x509_cert::{
    Certificate,
    der::{
        Decode as _, DecodePem as _, Encode as _,
        pem::{LineEnding, encode_string},
    },
    time::Time,
};

use super::signing_key::SigningKey;
use crate::{
    jwt::{self, object},
    random, time,
};

/// A new client certificate with its private key.
pub struct ClientCertificate {
    /// The certificate, as uploaded to an app registration.
    pub certificate_pem: String,
    /// The private key (PKCS #8) and the certificate in one text, as Key Vault serves the secret of a PEM certificate.
    pub bundle_pem: String,
}

impl ClientCertificate {
    /// Makes an RSA key of 2,048 bits and a self-signed certificate for it.
    ///
    /// # Errors
    /// When the random number generator fails.
    pub fn generate() -> Result<Self> {
        let key = SigningKey::generate()?;
        let certificate_pem = pem("CERTIFICATE", key.certificate_der())?;
        let private_key_pem = pem("PRIVATE KEY", key.private_key_der()?.as_bytes())?;
        Ok(Self { bundle_pem: format!("{private_key_pem}{certificate_pem}"), certificate_pem })
    }
}

/// A client assertion for `client_id`, signed by an unregistered certificate:
/// <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>.
pub(crate) fn unregistered_client_assertion(client_id: &str, audience: &str) -> Result<String> {
    let key = SigningKey::generate()?;
    let header = object(json!({
        "alg": "PS256",
        "typ": "JWT",
        "x5t#S256": thumbprint(&digest::SHA256, key.certificate_der()),
    }));
    let now = time::now();
    let claims = object(json!({
        "aud": audience,
        "iss": client_id,
        "sub": client_id,
        "jti": random::guid(),
        "nbf": now,
        "iat": now,
        "exp": now + 600,
    }));
    let input = jwt::signing_input(&jwt::to_text(&header), &jwt::to_text(&claims));
    Ok(jwt::token(&input, &key.sign_ps256(input.as_bytes())))
}

/// The textual encoding of RFC 7468.
pub(crate) fn pem(label: &str, der: &[u8]) -> Result<String> {
    encode_string(label, LineEnding::LF, der).map_err(|error| anyhow!("cannot write a PEM text: {error}"))
}

/// The part of a certificate that an app registration stores.
#[derive(Clone)]
pub(crate) struct RegisteredCertificate {
    /// An `RSAPublicKey` of RFC 8017 in DER.
    public_key: Vec<u8>,
    /// The thumbprints in the form of the headers `x5t` and `x5t#S256` (RFC 7515 sections 4.1.7 and 4.1.8).
    sha1_thumbprint: String,
    sha256_thumbprint: String,
    /// Seconds since the Unix epoch.
    pub(crate) starts: i64,
    /// Seconds since the Unix epoch.
    pub(crate) expires: i64,
    pub(crate) revoked: bool,
}

impl RegisteredCertificate {
    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// When there is none, or its key is not RSA.
    pub(crate) fn from_pem(pem: &str) -> Result<Self> {
        const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
        const END: &str = "-----END CERTIFICATE-----";
        let rest = pem.split_once(BEGIN).context("the PEM text has no certificate")?.1;
        let base64 = rest.split_once(END).context("the PEM text ends within its certificate")?.0;
        let certificate = Certificate::from_pem(format!("{BEGIN}{base64}{END}\n"))
            .context("the certificate in the PEM text cannot be read")?;
        Self::from_certificate(&certificate)
    }

    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// When it cannot be read, or its key is not RSA.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self> {
        Self::from_certificate(&Certificate::from_der(der).context("the certificate cannot be read")?)
    }

    /// The SHA-1 thumbprint as Graph shows it.
    pub(crate) fn thumbprint(&self) -> String {
        let bytes = URL_SAFE_NO_PAD.decode(&self.sha1_thumbprint).unwrap_or_default();
        bytes.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    fn from_certificate(certificate: &Certificate) -> Result<Self> {
        const RSA_ENCRYPTION: &str = "1.2.840.113549.1.1.1";
        let key = certificate.tbs_certificate().subject_public_key_info();
        if key.algorithm.oid.to_string() != RSA_ENCRYPTION {
            bail!("the certificate's key is not RSA, the only kind that Entra accepts");
        }
        let validity = certificate.tbs_certificate().validity();
        let seconds = |time: Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
        let der = certificate.to_der().context("the certificate cannot be encoded")?;
        Ok(Self {
            public_key: key.subject_public_key.raw_bytes().to_vec(),
            sha1_thumbprint: thumbprint(&digest::SHA1_FOR_LEGACY_USE_ONLY, &der),
            sha256_thumbprint: thumbprint(&digest::SHA256, &der),
            starts: seconds(validity.not_before),
            expires: seconds(validity.not_after),
            revoked: false,
        })
    }

    /// Whether this certificate has the given `x5t` or `x5t#S256`.
    pub(crate) fn is(&self, sha1: Option<&str>, sha256: Option<&str>) -> bool {
        match (sha1, sha256) {
            (None, None) => false,
            (sha1, sha256) => {
                sha1.is_none_or(|value| value == self.sha1_thumbprint)
                    && sha256.is_none_or(|value| value == self.sha256_thumbprint)
            }
        }
    }

    /// Verifies a signature by one of the two algorithms that Entra documents for client assertions.
    pub(crate) fn verifies(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        let algorithm = match algorithm {
            "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
            "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
            _ => return false,
        };
        UnparsedPublicKey::new(algorithm, &self.public_key).verify(message, signature).is_ok()
    }
}

fn thumbprint(algorithm: &'static digest::Algorithm, der: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(algorithm, der))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_registered_from_its_bundle_and_from_itself() {
        let client = ClientCertificate::generate().unwrap();
        let one = RegisteredCertificate::from_pem(&client.certificate_pem).unwrap();
        let other = RegisteredCertificate::from_pem(&client.bundle_pem).unwrap();
        assert_eq!(one.sha256_thumbprint, other.sha256_thumbprint);
        assert!(one.is(None, Some(&other.sha256_thumbprint)));
        assert!(one.is(Some(&other.sha1_thumbprint), None));
        assert!(!one.is(Some("x"), Some(&other.sha256_thumbprint)));
        assert!(!one.is(None, None));
    }

    #[test]
    fn text_without_a_certificate_is_refused() {
        assert!(RegisteredCertificate::from_pem("").is_err());
        assert!(RegisteredCertificate::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n").is_err());
    }
}
