//! What one instance of the component remembers between requests.
//!
//! All of it is bounded, and what belongs to a person is found by the digest of that person's own token alone.

use std::{cell::RefCell, rc::Rc};

use crate::{
    correlation::Correlation,
    credential_source::CredentialSource,
    error::Error,
    host::{Host, UnixTime},
    key_source::KeySource,
    sealed_store::SealedStore,
    settings::Settings,
    token_source::TokenSource,
    upstream::Deadline,
};

/// How long settings are used before the variables are read again. Reading them costs a call to the host for each.
const SETTINGS_LIFETIME_SECONDS: u64 = 300;

/// The memory of an instance.
#[derive(Debug, Default)]
pub struct Instance {
    pub(crate) settings: SettingsSource,
    pub(crate) credential_source: CredentialSource,
    pub(crate) key_source: KeySource,
    pub(crate) token_source: TokenSource,
    pub(crate) store: SealedStore,
}

/// The settings last read.
#[derive(Debug, Default)]
pub(crate) struct SettingsSource(RefCell<Option<(Rc<Settings>, UnixTime)>>);

/// What the steps of one request need.
#[derive(Debug, Clone)]
pub struct Context<H> {
    /// The instance that serves the request.
    pub instance: Rc<Instance>,
    /// The machine that it runs on.
    pub host: H,
    /// What the operator has set.
    pub settings: Rc<Settings>,
    /// The ids of the request.
    pub correlation: Correlation,
    /// The moment by which it must be answered.
    pub deadline: Deadline,
}

impl<H: Host> Context<H> {
    /// The same for work that goes on beside the request.
    #[must_use]
    pub fn with_new_deadline(&self) -> Self {
        Self { deadline: Deadline::after(&self.host, self.settings.request_timeout), ..self.clone() }
    }
}

impl SettingsSource {
    /// The settings; faults are not remembered, so that a mended variable counts at once.
    ///
    /// # Errors
    /// [`Error::Settings`] with every wrong variable, the secret included.
    pub(crate) async fn current<H: Host>(&self, instance: &Instance, host: &H) -> Result<Rc<Settings>, Error> {
        let now = host.now();
        if let Some((settings, read)) = &*self.0.borrow()
            && now.since(*read) < SETTINGS_LIFETIME_SECONDS
        {
            return Ok(Rc::clone(settings));
        }
        match Settings::read(host).await {
            Ok(settings) => {
                let settings = Rc::new(settings);
                self.0.replace(Some((Rc::clone(&settings), now)));
                Ok(settings)
            }
            Err(mut faults) => {
                let deadline = Deadline::after(host, crate::credential_source::READ_TIMEOUT);
                match instance.credential_source.current(host, deadline).await {
                    Err(Error::Credential(fault)) => {
                        faults.0.insert("clientsecret", fault.to_owned());
                    }
                    Err(Error::VariableUnavailable { reason, .. }) => {
                        faults.0.insert("clientsecret", format!("could not be read ({reason}); set it"));
                    }
                    _ => {}
                }
                Err(Error::Settings(faults))
            }
        }
    }
}
