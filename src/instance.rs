//! What one instance of the component remembers between requests.
//!
//! All of it is bounded, and what belongs to a person is found only by the digest of that person's own token.

use std::{sync::Arc, time::Duration};

use entra_obo::{
    ProtectedApi,
    host::Host,
    settings::source::{SettingsSource, Unsettled},
    toolkit::{AssertionDigest, HeldBack, Locked},
};

use crate::{
    graph::{resource::GraphRefusal, streams::Streams},
    readiness::Readiness,
    settings::ApiSettings,
};

/// The memory of an instance.
#[derive(Debug, Default)]
pub struct Instance {
    settings: Arc<SettingsSource<ApiSettings>>,
    app: Locked<Option<Arc<App>>>,
    /// What the last probe found.
    pub(crate) readiness: Readiness,
}

/// The API under some settings.
#[derive(Debug)]
pub struct App {
    /// What the operator has set.
    pub settings: Arc<ApiSettings>,
    /// Validation and exchange.
    pub api: ProtectedApi,
    /// The photos that are being streamed.
    pub streams: Arc<Streams>,
    /// The callers whose tokens Graph keeps refusing.
    pub held_back: HeldBack<AssertionDigest, GraphRefusal>,
}

impl Instance {
    /// The API as it is now set, for a request that began at this moment of [`Host::elapsed`]. After a change of the
    /// settings, requests in progress finish with the API that they began with.
    ///
    /// # Errors
    /// See [`Unsettled`].
    pub async fn app<H: Host>(&self, host: &H, begun: Duration) -> Result<Arc<App>, Unsettled> {
        let settings = self.settings.current(host, begun).await?;
        let mut app = self.app.lock();
        if let Some(app) = app.as_ref().filter(|app| app.settings == settings) {
            return Ok(Arc::clone(app));
        }
        let (policy, slots) = (settings.policy.clone(), settings.token_store_slots);
        let api = match app.as_ref() {
            Some(former) => former.api.clone().with_policy(policy),
            None => ProtectedApi::new(policy),
        };
        let api = api.with_store_slots(slots).with_client_authentication(settings.client_authentication.clone());
        let streams = app.as_ref().map(|former| Arc::clone(&former.streams)).unwrap_or_default();
        let new = Arc::new(App { settings, api, streams, held_back: HeldBack::default() });
        *app = Some(Arc::clone(&new));
        Ok(new)
    }
}
