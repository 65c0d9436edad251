//! What proves this API to Entra: a secret, an assertion signed by a certificate's key, or a token of an issuer that Entra
//! trusts.

use std::fmt;

use client_secret::NotASecret;
use uuid::Uuid;

use crate::{
    credential::{certificate::Certificate, federated_token::FederatedToken},
    host::UnixTime,
};

/// The longest text that is accepted. Key Vault holds 25 KB; a Kubernetes secret's base64 adds a third.
const MAX_BYTES: usize = 64 * 1024;

/// A client credential in the form in which it is used.
pub(crate) enum ClientCredential {
    /// A client secret.
    Secret(String),
    /// A certificate and its private key, and the text that they were read from.
    Certificate(String, Box<Certificate>),
    /// A token of another issuer.
    Federated(FederatedToken),
}

impl ClientCredential {
    /// Parses the value of `client_secret`: a client secret, or a PEM bundle of a private key and its certificate as
    /// Key Vault serves a certificate whose content type is `application/x-pem-file`.
    ///
    /// # Errors
    /// What is wrong, in words for the log, without the value. A text that is neither is never sent anywhere.
    pub(crate) fn parse(text: String) -> Result<Self, &'static str> {
        if text.len() > MAX_BYTES {
            return Err(NotASecret::TooLong.words());
        }
        if let Some(pem) = client_secret::pem(&text) {
            let certificate = Box::new(Certificate::parse(&pem)?);
            return Ok(Self::Certificate(text, certificate));
        }
        client_secret::check(&text).map_err(NotASecret::words)?;
        Ok(Self::Secret(text))
    }

    /// Adds the fields that authenticate the client to a token request for `token_endpoint`.
    ///
    /// # Errors
    /// The signer's own words.
    pub(crate) fn authenticate(
        &self,
        form: &mut form_urlencoded::Serializer<'_, String>,
        token_endpoint: &str,
        client_id: Uuid,
        now: UnixTime,
        random: [u8; 16],
    ) -> Result<(), String> {
        // RFC 7523 section 2.2
        let mut assert = |assertion: &str| {
            form.append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
            form.append_pair("client_assertion", assertion);
        };
        match self {
            Self::Secret(secret) => {
                form.append_pair("client_secret", secret);
            }
            Self::Certificate(_, certificate) => {
                assert(&certificate.assertion(token_endpoint, client_id, now, random)?);
            }
            Self::Federated(token) => assert(token.as_str()),
        }
        Ok(())
    }

    /// What to do when Entra has refused it with these AADSTS codes, in words for the log. An expired certificate or token
    /// is sent all the same: Entra's clock decides, and after its refusal the credential is read again.
    #[must_use]
    pub(crate) fn remedy(&self, codes: &[u32], now: UnixTime) -> &'static str {
        match self {
            Self::Secret(_) => {
                "set clientsecret to the value, not the id, of a client secret that this application has and that has not \
                 expired"
            }
            Self::Certificate(_, certificate) => certificate.remedy(now),
            Self::Federated(token) => token.remedy(codes, now),
        }
    }

    /// Whether both are the same value.
    #[must_use]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.key_material() == other.key_material()
    }

    /// The value, as material for keys that only its holders can derive.
    #[must_use]
    pub(crate) fn key_material(&self) -> &[u8] {
        match self {
            Self::Secret(text) | Self::Certificate(text, _) => text.as_bytes(),
            Self::Federated(token) => token.as_str().as_bytes(),
        }
    }
}

impl fmt::Debug for ClientCredential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Secret(_) => "ClientCredential(secret, [redacted])",
            Self::Certificate(..) => "ClientCredential(certificate, [redacted])",
            Self::Federated(_) => "ClientCredential(federated token, [redacted])",
        })
    }
}
