//! App registrations: the API, the applications that call it, and the identity that reads the vault.

use anyhow::Result;
use parking_lot::RwLock;
use url::Url;

use super::{certificate::RegisteredCertificate, redirect_uri::RedirectUri};
use crate::random;

/// A client registered in the directory.
pub(crate) struct AppRegistration {
    pub(crate) client_id: String,
    pub(crate) display_name: &'static str,
    pub(crate) platform: Platform,
    redirect_uris: RwLock<Vec<RedirectUri>>,
    /// The object id of its service principal, the `oid` of its own tokens.
    pub(crate) service_principal_id: String,
    credentials: RwLock<Credentials>,
}

/// Where an application runs, which decides how it authenticates itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// On a server: a confidential client with a secret or a certificate.
    Web,
    /// In a browser: a public client, which sends cross-origin requests.
    SinglePage,
}

struct Credentials {
    secret: String,
    expired_secrets: Vec<String>,
    certificates: Vec<RegisteredCertificate>,
}

/// How a secret that a client sent compares with the registered one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SecretCheck {
    Right,
    Wrong,
    Expired,
}

impl AppRegistration {
    pub(crate) fn register(display_name: &'static str, platform: Platform) -> Self {
        let credentials =
            Credentials { secret: random::client_secret(), expired_secrets: Vec::new(), certificates: Vec::new() };
        Self {
            client_id: random::guid(),
            display_name,
            platform,
            redirect_uris: RwLock::default(),
            service_principal_id: random::guid(),
            credentials: RwLock::new(credentials),
        }
    }

    /// The claims `azpacr` and `appidacr`: how the client authenticates itself; "2" for certificates is not emulated.
    pub(crate) fn authentication_class(&self) -> &'static str {
        match self.platform {
            Platform::Web => "1",
            Platform::SinglePage => "0",
        }
    }

    /// The Application ID URI that the portal proposes.
    pub(crate) fn id_uri(&self) -> String {
        format!("api://{}", self.client_id)
    }

    /// Whether `name` names it as a resource: its client id or its Application ID URI.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        name == self.client_id || name == self.id_uri()
    }

    pub(crate) fn register_redirect_uri(&self, uri: &str) -> Result<()> {
        let uri = RedirectUri::parse(uri)?;
        self.redirect_uris.write().push(uri);
        Ok(())
    }

    /// The redirect URI that a request sent, if it is registered.
    pub(crate) fn admit_redirect_uri(&self, sent: &str) -> Option<Url> {
        self.redirect_uris.read().iter().find_map(|registered| registered.admit(sent))
    }

    /// The redirect URI for a request that sent none.
    pub(crate) fn first_redirect_uri(&self) -> Option<Url> {
        self.redirect_uris.read().first().map(|registered| registered.url().clone())
    }

    /// Whether pages of `origin` may redeem this application's codes.
    pub(crate) fn runs_at_origin(&self, origin: &str) -> bool {
        self.platform == Platform::SinglePage
            && self.redirect_uris.read().iter().any(|registered| registered.has_origin(origin))
    }

    pub(crate) fn secret(&self) -> String {
        self.credentials.read().secret.clone()
    }

    /// Accepts this secret, and no other, from now on.
    pub(crate) fn set_secret(&self, secret: String) {
        let mut credentials = self.credentials.write();
        credentials.expired_secrets.retain(|expired| *expired != secret);
        credentials.secret = secret;
    }

    pub(crate) fn expire_secret(&self) {
        let secret = self.secret();
        self.add_expired_secret(secret);
    }

    /// One more secret, which has expired.
    pub(crate) fn add_expired_secret(&self, secret: String) {
        self.credentials.write().expired_secrets.push(secret);
    }

    pub(crate) fn check_secret(&self, secret: &str) -> SecretCheck {
        let credentials = self.credentials.read();
        if credentials.expired_secrets.iter().any(|expired| expired == secret) {
            SecretCheck::Expired
        } else if secret == credentials.secret {
            SecretCheck::Right
        } else {
            SecretCheck::Wrong
        }
    }

    pub(crate) fn register_certificate(&self, pem: &str) -> Result<()> {
        let certificate = RegisteredCertificate::from_pem(pem)?;
        self.credentials.write().certificates.push(certificate);
        Ok(())
    }

    pub(crate) fn revoke_certificates(&self) {
        for certificate in &mut self.credentials.write().certificates {
            certificate.revoked = true;
        }
    }

    /// Calls `check` with the certificate that has the given `x5t` or `x5t#S256`.
    pub(crate) fn with_certificate<T>(
        &self,
        sha1: Option<&str>,
        sha256: Option<&str>,
        look: impl FnOnce(Option<&RegisteredCertificate>) -> T,
    ) -> T {
        let credentials = self.credentials.read();
        look(credentials.certificates.iter().find(|certificate| certificate.is(sha1, sha256)))
    }
}
