//! Changes while the tenant runs: keys, secrets, certificates, sessions.

use anyhow::{Context as _, Result, ensure};

use super::Tenant;
use crate::{
    directory::{
        CLIENT_SECRET_NAME,
        credentials::{FederatedCredential, Trust},
        person::Person,
        vault::CertificateFormat,
        well_known::TOKEN_EXCHANGE,
    },
    random,
};

impl Tenant {
    /// Entra signs with a new key from now on; the previous one stays published.
    ///
    /// # Errors
    /// When the random number generator fails.
    pub fn rotate_signing_key(&self) -> Result<()> {
        self.directory.keys.rotate()
    }

    /// Entra replaces all its signing keys at once: every token issued before becomes invalid.
    ///
    /// # Errors
    /// When the random number generator fails.
    pub fn replace_signing_keys(&self) -> Result<()> {
        self.directory.keys.replace_all()
    }

    /// Registers a redirect URI of the application `client_id`, on the application's own platform: web or single page.
    ///
    /// On `localhost` and 127.0.0.1 the port does not matter, as in Entra.
    ///
    /// # Errors
    /// When there is no such application, or Entra would not register the URI.
    pub fn register_redirect_uri(&self, client_id: &str, uri: &str) -> Result<()> {
        let application = self.directory.application(client_id);
        let application = application.with_context(|| format!("there is no application with the id {client_id:?}"))?;
        application.register_redirect_uri(uri).context("this redirect URI cannot be registered")
    }

    /// Adds an Application ID URI of the API, as if the tenant had verified its domain.
    pub fn add_application_id_uri(&self, uri: impl Into<String>) {
        self.directory.api.manifest_mut().identifier_uris.push(uri.into());
    }

    /// A new client secret for the API, in the vault and at Entra; the old one is refused from now on.
    pub fn rotate_client_secret(&self) -> String {
        let secret = random::client_secret();
        self.directory.api.set_secret(secret.clone());
        self.set_vault_secret(CLIENT_SECRET_NAME, secret.clone());
        secret
    }

    /// Changes the API's client secret in Entra, but not in the vault.
    pub fn set_accepted_client_secret(&self, secret: impl Into<String>) {
        self.directory.api.set_secret(secret.into());
    }

    /// Puts a new version of a secret into the vault, but changes nothing at Entra.
    pub fn set_vault_secret(&self, name: &str, value: impl Into<String>) {
        self.directory.vault.set(name, value.into());
    }

    /// Puts a new version of a certificate into the vault. `value` is its key and certificate in `format`.
    pub fn set_vault_certificate(&self, name: &str, value: impl Into<String>, format: CertificateFormat) {
        self.directory.vault.set_certificate(name, value.into(), format);
    }

    /// Disables the current version of a secret in the vault.
    pub fn disable_vault_secret(&self, name: &str) {
        self.directory.vault.disable(name);
    }

    /// Lets the current version of a secret in the vault have been written so many seconds earlier.
    pub fn age_vault_secret(&self, name: &str, seconds: i64) {
        self.directory.vault.age(name, seconds);
    }

    /// Removes a secret from the vault.
    pub fn remove_vault_secret(&self, name: &str) {
        self.directory.vault.remove(name);
    }

    /// Lets the API's client secret expire: Entra answers AADSTS7000222 until there is a new one.
    pub fn expire_client_secret(&self) {
        self.directory.api.expire_secrets();
    }

    /// Adds a second client secret of the API, which has expired.
    pub fn add_expired_client_secret(&self) -> String {
        let secret = random::client_secret();
        self.directory.api.add_expired_secret(secret.clone());
        secret
    }

    /// Registers a certificate of the API from a PEM text; anything else in the text is ignored.
    ///
    /// # Errors
    /// When the text has no readable certificate with an RSA key.
    pub fn register_certificate(&self, pem: &str) -> Result<()> {
        self.directory.api.register_certificate(pem)
    }

    /// Revokes all certificates registered so far: Entra answers AADSTS7000214 to them.
    pub fn revoke_certificates(&self) {
        self.directory.api.revoke_certificates();
    }

    /// The next `lookups` of each object that is created through Graph from now on miss it: directories are eventually
    /// consistent. So do attempts to use it: a new application or secret is refused as often.
    pub fn set_replication_lag(&self, lookups: u32) {
        self.directory.replication.set(lookups);
    }

    /// The application `client_id`, which may be a managed identity's, trusts tokens of `issuer` for `subject` from now
    /// on, if their audience is `api://AzureADTokenExchange`.
    ///
    /// # Errors
    /// When there is no such application.
    pub fn trust(&self, client_id: &str, issuer: &str, subject: &str) -> Result<()> {
        let application = self.directory.application(client_id);
        let application = application.with_context(|| format!("there is no application with the id {client_id:?}"))?;
        let id = random::guid();
        let trust = Trust {
            name: id.clone(),
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            description: None,
            audiences: vec![TOKEN_EXCHANGE.to_owned()],
        };
        let credential = FederatedCredential { id, trust, lag: self.directory.replication.lag() };
        application.federated_credentials_mut().push(credential);
        Ok(())
    }

    /// An administrator assigns a role of `resource`, an Application ID URI or client id, to the application `client_id`:
    /// tokens that the application gets by itself have it from now on.
    ///
    /// # Errors
    /// When there is no such application, resource or role.
    pub fn assign_app_role(&self, client_id: &str, resource: &str, role: &str) -> Result<()> {
        let application = self.directory.application(client_id);
        let application = application.with_context(|| format!("there is no application with the id {client_id:?}"))?;
        let api = self.directory.applications.find(|application| application.is_called(resource));
        let api = api.with_context(|| format!("there is no resource {resource:?}"))?;
        ensure!(self.directory.role_assignments.assign(&application, &api, role), "{resource:?} has no role {role:?}");
        Ok(())
    }

    /// Graph refuses the tokens issued for `person` so far; later ones work.
    pub fn revoke_graph_tokens(&self, person: &Person) {
        self.directory.sessions.revoke_all(&person.object_id);
    }
}
