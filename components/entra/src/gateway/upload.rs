//! A request's body on its way to the app.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::HeaderMap;

use entra_obo::{
    host::{Host, SendFault, UpstreamBody},
    toolkit::{Locked, within},
};

use crate::{gateway::headers::trailers_to_app, settings::GatewaySettings};

/// A sender that sends nothing for this long has disappeared: a phone that changes networks is back sooner.
const IDLE: Duration = Duration::from_secs(60);

/// A request's body that records when its last piece passed.
#[derive(Debug)]
pub(super) struct Upload<H: Host> {
    /// Where the pieces come from.
    pub(super) body: H::Body,
    /// The machine that serves the request.
    pub(super) host: H,
    /// How far it has come.
    pub(super) progress: Arc<Locked<Progress>>,
    /// Which trailers pass.
    pub(super) gateway: Arc<GatewaySettings>,
}

/// How far a request's body has come.
#[derive(Debug)]
pub(super) struct Progress {
    /// When the last piece passed, as [`Host::elapsed`].
    pub(super) last: Duration,
    /// Whether its sender broke it off.
    pub(super) is_broken: bool,
}

impl Progress {
    /// Nothing has passed yet.
    pub(super) const fn begun(now: Duration) -> Self {
        Self { last: now, is_broken: false }
    }
}

impl<H: Host> UpstreamBody for Upload<H> {
    async fn next(&mut self) -> Option<Result<Bytes, SendFault>> {
        let next = within(&self.host, IDLE, self.body.next()).await.unwrap_or(Some(Err(SendFault::TimedOut)));
        *self.progress.lock() = Progress { last: self.host.elapsed(), is_broken: matches!(next, Some(Err(_))) };
        next
    }

    fn trailers(&mut self) -> Option<HeaderMap> {
        self.body.trailers().map(|trailers| trailers_to_app(&trailers, &self.gateway))
    }
}
