//! What one instance of the component remembers between requests.
//!
//! All of it is bounded, and what belongs to a person is found by the digest of that person's own token alone.

use std::{cell::RefCell, rc::Rc, time::Duration};

use crate::{
    correlation::Correlation,
    credential::source::CredentialSource,
    exchange::source::TokenSource,
    graph::streams::Streams,
    host::{Host, UnixTime},
    keys::source::KeySource,
    settings::Settings,
    settings_source::SettingsSource,
    store::shared_store::SharedStore,
    upstream::call::Deadline,
};

/// The memory of an instance.
#[derive(Debug, Default)]
pub struct Instance {
    pub(crate) settings: SettingsSource,
    pub(crate) credential: Rc<CredentialSource>,
    pub(crate) store: SharedStore,
    pub(crate) streams: Rc<Streams>,
    caches: RefCell<Option<Rc<Caches>>>,
}

/// What was learned under some settings, and is of no use under others: keys of one authority for one tenancy, tokens for
/// one application, its scopes and one Graph.
#[derive(Debug)]
pub(crate) struct Caches {
    settings: Rc<Settings>,
    pub(crate) keys: KeySource,
    pub(crate) tokens: TokenSource,
}

impl Instance {
    /// What was learned under these settings, or under others that differ in nothing that matters to it. A change empties
    /// the caches; requests under way finish with those that they began with.
    pub(crate) fn caches(&self, settings: &Rc<Settings>) -> Rc<Caches> {
        let mut caches = self.caches.borrow_mut();
        if let Some(caches) = caches.as_ref().filter(|caches| caches.settings.shares_caches_with(settings)) {
            return Rc::clone(caches);
        }
        let settings = Rc::clone(settings);
        let new = Rc::new(Caches { settings, keys: KeySource::default(), tokens: TokenSource::default() });
        *caches = Some(Rc::clone(&new));
        new
    }
}

/// What the steps of one request need.
#[derive(Debug, Clone)]
pub struct Context<H> {
    /// The instance that serves the request.
    pub instance: Rc<Instance>,
    /// What the instance has learned under the request's settings.
    pub(crate) caches: Rc<Caches>,
    /// The machine that it runs on.
    pub host: H,
    /// What the operator has set.
    pub settings: Rc<Settings>,
    /// The ids of the request.
    pub correlation: Correlation,
    /// When it came in. What needs no wait is judged by it, since reading a clock is a call of the host.
    pub now: UnixTime,
    /// The same moment, as [`Host::elapsed`].
    pub elapsed: Duration,
    /// The moment by which it must be answered.
    pub deadline: Deadline,
}

impl<H: Host> Context<H> {
    /// The same for work that goes on in the background.
    #[must_use]
    pub fn with_new_deadline(&self) -> Self {
        let elapsed = self.host.elapsed();
        let deadline = Deadline::after(elapsed, self.settings.request_timeout);
        Self { now: self.host.now(), elapsed, deadline, ..self.clone() }
    }
}
