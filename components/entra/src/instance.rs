//! What one instance of the component remembers between requests.

use std::{sync::Arc, time::Duration};

use entra_obo::{
    Downstream, ProtectedApi,
    host::Host,
    settings::source::{SettingsSource, Unsettled},
    toolkit::{AssertionDigest, HeldBack, Locked},
};
use uuid::Uuid;

use crate::{principal::Principals, settings::EntraSettings};

/// The memory of an instance. All of it is bounded, and what belongs to a person is found by the digest of that person's own
/// token alone.
#[derive(Debug, Default)]
pub struct Instance {
    settings: Arc<SettingsSource<EntraSettings>>,
    configured: Locked<Option<Arc<Configured>>>,
}

/// The component under some settings.
#[derive(Debug)]
pub(crate) struct Configured {
    /// What the operator has set.
    pub(crate) settings: Arc<EntraSettings>,
    /// Validation and exchange.
    pub(crate) api: ProtectedApi,
    /// Those whose tokens a downstream API keeps refusing.
    pub(crate) held_back: HeldBack<(Holder, Downstream), ()>,
    /// How callers are named to the app.
    pub(crate) principals: Principals,
}

/// Whose tokens an API refuses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    /// Those of the caller whose token has this digest.
    Caller(AssertionDigest),
    /// The application's own, of this directory.
    Application(Uuid),
}

impl Instance {
    /// The component as it is now configured, for a request that began at this moment of [`Host::elapsed`]. After a change of
    /// the settings, requests in progress finish with the configuration that they began with.
    ///
    /// # Errors
    /// See [`Unsettled`].
    pub(crate) async fn configured<H: Host>(&self, host: &H, begun: Duration) -> Result<Arc<Configured>, Unsettled> {
        let settings = self.settings.current(host, begun).await?;
        let mut configured = self.configured.lock();
        if let Some(configured) = configured.as_ref().filter(|configured| configured.settings == settings) {
            return Ok(Arc::clone(configured));
        }
        let policy = settings.policy.clone();
        let api = match configured.as_ref() {
            Some(former) => former.api.clone().with_policy(policy),
            None => ProtectedApi::new(policy),
        };
        let api = api
            .with_store_slots(settings.token_store_slots)
            .with_client_authentication(settings.client_authentication.clone());
        let new =
            Arc::new(Configured { settings, api, held_back: HeldBack::default(), principals: Principals::default() });
        *configured = Some(Arc::clone(&new));
        Ok(new)
    }
}
