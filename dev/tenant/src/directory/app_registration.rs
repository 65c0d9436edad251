//! App registrations: the API, the applications that call it, the identity that reads the vault, and what clients of
//! Graph register.

use std::collections::HashMap;

use anyhow::Result;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use url::Url;

use super::{
    certificate::RegisteredCertificate,
    credentials::{ClientSecret, FederatedCredential, KeyCredential, NoTrust, SecretCheck, find_trust},
    lag::Lag,
    manifest::{AppRole, Manifest, PermissionScope, SignInAudience},
    redirect_uri::RedirectUri,
};
use crate::{random, time};

/// An app registration, with its service principals.
pub(crate) struct AppRegistration {
    /// The client id.
    pub(crate) client_id: String,
    /// The object id of the application object.
    pub(crate) object_id: String,
    /// The object id of its service principals, the `oid` of its own tokens. In reality, each directory has its own.
    pub(crate) service_principal_id: String,
    /// Who registered it.
    pub(crate) origin: Origin,
    /// Seconds since the Unix epoch.
    pub(crate) created: i64,
    pub(crate) lag: Lag,
    /// The roles that it offers to applications.
    pub(crate) roles: Vec<AppRole>,
    manifest: RwLock<Manifest>,
    /// The directories in which it can be used.
    installations: RwLock<HashMap<String, Lag>>,
    secrets: RwLock<Vec<ClientSecret>>,
    certificates: RwLock<Vec<KeyCredential>>,
    federated_credentials: RwLock<Vec<FederatedCredential>>,
    /// The object ids of people.
    owners: RwLock<Vec<String>>,
}

/// Who registered an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Microsoft: its registration is in another directory.
    Microsoft,
    /// The emulator, for use in every directory. It runs on this platform.
    BuiltIn(Platform),
    /// Azure, for a managed identity.
    ManagedIdentity,
    /// A client of Graph, or the configuration file.
    Registered,
}

/// Where an application runs, which decides how it authenticates itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// On a server: a confidential client with a secret or a certificate.
    Web,
    /// In a browser: a public client, which sends cross-origin requests.
    SinglePage,
}

/// Whether an application can be used in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Installation {
    Installed,
    /// It could be, but has no service principal there.
    Missing,
    /// It is for its own directory only.
    Impossible,
}

impl AppRegistration {
    pub(crate) fn new(client_id: String, origin: Origin, manifest: Manifest, lag: Lag) -> Self {
        Self {
            client_id,
            object_id: random::guid(),
            service_principal_id: random::guid(),
            origin,
            created: time::now(),
            lag,
            roles: Vec::new(),
            manifest: RwLock::new(manifest),
            installations: RwLock::default(),
            secrets: RwLock::default(),
            certificates: RwLock::default(),
            federated_credentials: RwLock::default(),
            owners: RwLock::default(),
        }
    }

    /// The same as an API that offers these roles.
    pub(crate) fn with_roles(self, roles: Vec<AppRole>) -> Self {
        Self { roles, ..self }
    }

    /// Can be called again while the result is in use.
    pub(crate) fn manifest(&self) -> RwLockReadGuard<'_, Manifest> {
        self.manifest.read_recursive()
    }

    pub(crate) fn manifest_mut(&self) -> RwLockWriteGuard<'_, Manifest> {
        self.manifest.write()
    }

    pub(crate) fn display_name(&self) -> String {
        self.manifest().display_name.clone()
    }

    pub(crate) fn platform(&self) -> Platform {
        if let Origin::BuiltIn(platform) = self.origin {
            return platform;
        }
        let manifest = self.manifest();
        match manifest.web.redirect_uris.is_empty() && !manifest.spa.redirect_uris.is_empty() {
            true => Platform::SinglePage,
            false => Platform::Web,
        }
    }

    /// The claims `azpacr` and `appidacr`: how the client authenticates itself; "2" for certificates is not emulated.
    pub(crate) fn authentication_class(&self) -> &'static str {
        match self.platform() {
            Platform::Web => "1",
            Platform::SinglePage => "0",
        }
    }

    /// The first Application ID URI, or the one that the portal proposes.
    pub(crate) fn id_uri(&self) -> String {
        let first = self.manifest().identifier_uris.first().cloned();
        first.unwrap_or_else(|| format!("api://{}", self.client_id))
    }

    /// Whether `name` names it as a resource: its client id or one of its Application ID URIs.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        name == self.client_id || self.manifest().identifier_uris.iter().any(|uri| uri == name)
    }

    /// The names of the delegated permissions with these ids.
    pub(crate) fn scope_names<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Vec<String> {
        let manifest = self.manifest();
        let find = |id: &str| manifest.scopes().find(|scope| scope.id == id).map(|scope| scope.value.clone());
        ids.filter_map(find).collect()
    }

    /// The delegated permission of this name, in any letter case.
    pub(crate) fn scope(&self, value: &str) -> Option<PermissionScope> {
        self.manifest().scope(value).cloned()
    }

    /// Creates its service principal in the directory `tenant_id`.
    pub(crate) fn install(&self, tenant_id: &str, lag: Lag) {
        self.installations.write().entry(tenant_id.to_owned()).or_insert(lag);
    }

    /// Deletes its service principal in the directory `tenant_id`; `false` when there is none.
    pub(crate) fn uninstall(&self, tenant_id: &str) -> bool {
        self.installations.write().remove(tenant_id).is_some()
    }

    /// Whether it has a service principal in the directory, even one that lookups still miss.
    pub(crate) fn has_service_principal(&self, tenant_id: &str) -> bool {
        !matches!(self.origin, Origin::Registered) || self.installations.read().contains_key(tenant_id)
    }

    /// Whether it can be used in the directory `tenant_id`; `home_id` is its own. Counts as a lookup.
    pub(crate) fn installation(&self, tenant_id: &str, home_id: &str) -> Installation {
        if self.origin != Origin::Registered {
            return Installation::Installed;
        }
        match self.installations.read().get(tenant_id) {
            Some(lag) if lag.has_passed() => Installation::Installed,
            None if tenant_id != home_id && self.manifest().sign_in_audience == SignInAudience::MyOrg => {
                Installation::Impossible
            }
            _ => Installation::Missing,
        }
    }

    /// Registers a redirect URI on the application's own platform.
    pub(crate) fn register_redirect_uri(&self, uri: &str) -> Result<()> {
        RedirectUri::parse(uri)?;
        let platform = self.platform();
        let mut manifest = self.manifest_mut();
        match platform {
            Platform::Web => manifest.web.redirect_uris.push(uri.to_owned()),
            Platform::SinglePage => manifest.spa.redirect_uris.push(uri.to_owned()),
        }
        Ok(())
    }

    /// The redirect URI that a request sent, if it is registered.
    pub(crate) fn admit_redirect_uri(&self, sent: &str) -> Option<Url> {
        self.redirect_uris().iter().find_map(|registered| registered.admit(sent))
    }

    /// The redirect URI for a request that sent none.
    pub(crate) fn first_redirect_uri(&self) -> Option<Url> {
        self.redirect_uris().first().map(|registered| registered.url().clone())
    }

    /// Whether pages of `origin` may redeem this application's codes.
    pub(crate) fn runs_at_origin(&self, origin: &str) -> bool {
        let manifest = self.manifest();
        let uris = manifest.spa.redirect_uris.iter().filter_map(|uri| RedirectUri::parse(uri).ok());
        uris.into_iter().any(|uri| uri.has_origin(origin))
    }

    fn redirect_uris(&self) -> Vec<RedirectUri> {
        let manifest = self.manifest();
        let all = manifest.web.redirect_uris.iter().chain(&manifest.spa.redirect_uris);
        all.filter_map(|uri| RedirectUri::parse(uri).ok()).collect()
    }

    /// The current secret; empty when there is none.
    pub(crate) fn secret(&self) -> String {
        let secrets = self.secrets();
        let current = secrets.iter().rev().find(|secret| !secret.has_expired()).or_else(|| secrets.last());
        current.map(|secret| secret.value.clone()).unwrap_or_default()
    }

    pub(crate) fn secrets(&self) -> RwLockReadGuard<'_, Vec<ClientSecret>> {
        self.secrets.read()
    }

    pub(crate) fn secrets_mut(&self) -> RwLockWriteGuard<'_, Vec<ClientSecret>> {
        self.secrets.write()
    }

    /// Accepts this secret, and no other, from now on.
    pub(crate) fn set_secret(&self, value: String) {
        let mut secrets = self.secrets_mut();
        secrets.retain(|secret| secret.has_expired() && secret.value != value);
        secrets.push(ClientSecret::new(value, Lag::new(0)));
    }

    pub(crate) fn expire_secrets(&self) {
        self.secrets_mut().iter_mut().for_each(|secret| secret.expires = time::now());
    }

    /// One more secret, which has expired.
    pub(crate) fn add_expired_secret(&self, value: String) {
        let mut secret = ClientSecret::new(value, Lag::new(0));
        secret.expires = secret.starts;
        self.secrets_mut().push(secret);
    }

    pub(crate) fn check_secret(&self, value: &str) -> SecretCheck {
        let secrets = self.secrets();
        let same: Vec<&ClientSecret> =
            secrets.iter().filter(|secret| secret.value == value && secret.lag.has_passed()).collect();
        match same.iter().any(|secret| !secret.has_expired()) {
            true => SecretCheck::Right,
            false if same.is_empty() => SecretCheck::Wrong,
            false => SecretCheck::Expired,
        }
    }

    pub(crate) fn register_certificate(&self, pem: &str) -> Result<()> {
        let certificate = RegisteredCertificate::from_pem(pem)?;
        let credential = KeyCredential { key_id: random::guid(), display_name: None, certificate };
        self.certificates.write().push(credential);
        Ok(())
    }

    pub(crate) fn certificates(&self) -> RwLockReadGuard<'_, Vec<KeyCredential>> {
        self.certificates.read()
    }

    pub(crate) fn set_certificates(&self, certificates: Vec<KeyCredential>) {
        *self.certificates.write() = certificates;
    }

    pub(crate) fn revoke_certificates(&self) {
        for credential in self.certificates.write().iter_mut() {
            credential.certificate.revoked = true;
        }
    }

    /// Calls `check` with the certificate that has the given `x5t` or `x5t#S256`.
    pub(crate) fn with_certificate<T>(
        &self,
        sha1: Option<&str>,
        sha256: Option<&str>,
        check: impl FnOnce(Option<&RegisteredCertificate>) -> T,
    ) -> T {
        let certificates = self.certificates();
        let mut certificates = certificates.iter().map(|credential| &credential.certificate);
        check(certificates.find(|certificate| certificate.is(sha1, sha256)))
    }

    pub(crate) fn federated_credentials(&self) -> RwLockReadGuard<'_, Vec<FederatedCredential>> {
        self.federated_credentials.read()
    }

    pub(crate) fn federated_credentials_mut(&self) -> RwLockWriteGuard<'_, Vec<FederatedCredential>> {
        self.federated_credentials.write()
    }

    /// Whether a federated credential trusts a token with these claims.
    pub(crate) fn trusts(&self, issuer: &str, subject: &str, audience: &str) -> Result<(), NoTrust> {
        find_trust(&self.federated_credentials(), issuer, subject, audience)
    }

    pub(crate) fn owners(&self) -> RwLockReadGuard<'_, Vec<String>> {
        self.owners.read()
    }

    pub(crate) fn owners_mut(&self) -> RwLockWriteGuard<'_, Vec<String>> {
        self.owners.write()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_right_until_it_expires_or_is_replaced() {
        let application = AppRegistration::new(random::guid(), Origin::Registered, Manifest::default(), Lag::new(0));
        application.set_secret("one".into());
        assert_eq!(application.check_secret("one"), SecretCheck::Right);
        assert_eq!(application.check_secret("other"), SecretCheck::Wrong);
        application.expire_secrets();
        assert_eq!(application.check_secret("one"), SecretCheck::Expired);
        application.set_secret("two".into());
        assert_eq!((application.check_secret("two"), application.secret()), (SecretCheck::Right, "two".to_owned()));
        application.set_secret("three".into());
        assert_eq!(application.check_secret("two"), SecretCheck::Wrong);
        assert_eq!(application.check_secret("one"), SecretCheck::Expired);
    }

    #[test]
    fn a_single_tenant_application_cannot_be_used_elsewhere() {
        let application = AppRegistration::new(random::guid(), Origin::Registered, Manifest::default(), Lag::new(0));
        assert_eq!(application.installation("home", "home"), Installation::Missing);
        assert_eq!(application.installation("elsewhere", "home"), Installation::Impossible);
        application.install("home", Lag::new(1));
        assert_eq!(application.installation("home", "home"), Installation::Missing);
        assert_eq!(application.installation("home", "home"), Installation::Installed);
        application.manifest_mut().sign_in_audience = SignInAudience::MultipleOrgs;
        assert_eq!(application.installation("elsewhere", "home"), Installation::Missing);
        assert!(application.uninstall("home") && !application.uninstall("home"));
    }
}
