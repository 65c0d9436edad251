//! What one instance of the component remembers between requests.
//!
//! All of it is bounded, and what belongs to a person is found by the digest of that person's own token alone.

use std::rc::Rc;

use crate::{
    correlation::Correlation,
    credential_source::CredentialSource,
    host::{Host, UnixTime},
    key_source::KeySource,
    settings::Settings,
    settings_source::SettingsSource,
    shared_store::SharedStore,
    token_source::TokenSource,
    upstream::Deadline,
};

/// The memory of an instance.
#[derive(Debug, Default)]
pub struct Instance {
    pub(crate) settings: SettingsSource,
    pub(crate) credential_source: CredentialSource,
    pub(crate) key_source: KeySource,
    pub(crate) token_source: TokenSource,
    pub(crate) store: SharedStore,
}

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
    /// When it came in. What needs no wait is judged by it, since reading a clock is a call of the host.
    pub now: UnixTime,
    /// The moment by which it must be answered.
    pub deadline: Deadline,
}

impl<H: Host> Context<H> {
    /// The same for work that goes on beside the request.
    #[must_use]
    pub fn with_new_deadline(&self) -> Self {
        let deadline = Deadline::after(self.host.elapsed(), self.settings.request_timeout);
        Self { now: self.host.now(), deadline, ..self.clone() }
    }
}
