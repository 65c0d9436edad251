//! What proves this API to Entra: a secret, or an assertion signed by a certificate's key.

use std::fmt;

use client_secret::NotASecret;
use uuid::Uuid;

use crate::{credential::certificate::Certificate, host::UnixTime};

/// The longest text that is accepted. Key Vault holds 25 KB; a Kubernetes secret's base64 adds a third.
const MAX_BYTES: usize = 64 * 1024;

/// The value of `client_secret`, parsed.
pub(crate) struct ClientCredential {
    text: String,
    kind: Kind,
}

enum Kind {
    Secret,
    Certificate(Box<Certificate>),
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
        let kind = match client_secret::pem(&text) {
            Some(pem) => Kind::Certificate(Box::new(Certificate::parse(&pem)?)),
            None => client_secret::check(&text).map(|()| Kind::Secret).map_err(NotASecret::words)?,
        };
        Ok(Self { text, kind })
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

    /// What to do when Entra has refused it, in words for the log. An expired certificate is sent all the same: Entra's
    /// clock decides, and after its refusal the credential is read again.
    #[must_use]
    pub(crate) fn remedy(&self, now: UnixTime) -> &'static str {
        match &self.kind {
            Kind::Secret => {
                "set clientsecret to the value, not the id, of a client secret that this application has and that has not \
                 expired"
            }
            Kind::Certificate(certificate) => certificate.remedy(now),
        }
    }

    /// Whether both are the same value.
    #[must_use]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.text == other.text
    }

    /// The value, as material for keys that only its holders can derive.
    #[must_use]
    pub(crate) const fn key_material(&self) -> &[u8] {
        self.text.as_bytes()
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
