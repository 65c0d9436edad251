//! A request's body that is passed on as it arrives, and how long that may take.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::HeaderMap;

use entra_obo::{
    host::{Host, MaybeSend, SendFault, UpstreamBody},
    toolkit::{Locked, within},
};

/// How long the response may take, counted from the last piece of the request. An operation that takes longer should respond
/// at once and be polled.
pub(crate) const HEAD_LIMIT: Duration = Duration::from_secs(60);

/// How much of what was held is passed on at once, so that its progress is noticed.
const PIECE: usize = 64 * 1024;

/// How long a request's body may take in all.
pub(crate) const UPLOAD_LIMIT: Duration = Duration::from_secs(3600);

/// A sender that sends nothing for this long has disappeared: a phone that changes networks is back sooner.
const IDLE: Duration = Duration::from_secs(60);

/// A request's body that records when its last piece passed.
#[derive(Debug)]
pub(crate) struct Upload<H: Host, T> {
    /// What was read of it before it was passed on.
    pub(crate) held: Bytes,
    /// Where the other pieces come from.
    pub(crate) body: H::Body,
    /// The machine that serves the request.
    pub(crate) host: H,
    /// How far it has come.
    pub(crate) progress: Arc<Locked<Progress>>,
    /// Those of its trailers that pass.
    pub(crate) trailers: T,
}

/// How far a request's body has come.
#[derive(Debug)]
pub(crate) struct Progress {
    /// When the last piece passed, as [`Host::elapsed`].
    pub(crate) last: Duration,
    /// Whether its sender broke it off.
    pub(crate) is_broken: bool,
}

impl Progress {
    /// Nothing has passed yet.
    pub(crate) const fn begun(now: Duration) -> Self {
        Self { last: now, is_broken: false }
    }
}

impl<H: Host, T: Fn(HeaderMap) -> Option<HeaderMap> + MaybeSend + 'static> UpstreamBody for Upload<H, T> {
    async fn next(&mut self) -> Option<Result<Bytes, SendFault>> {
        let next = if self.held.is_empty() {
            within(&self.host, IDLE, self.body.next()).await.unwrap_or(Some(Err(SendFault::TimedOut)))
        } else {
            Some(Ok(self.held.split_to(PIECE.min(self.held.len()))))
        };
        *self.progress.lock() = Progress { last: self.host.elapsed(), is_broken: matches!(next, Some(Err(_))) };
        next
    }

    fn trailers(&mut self) -> Option<HeaderMap> {
        self.body.trailers().and_then(&self.trailers)
    }
}

/// Waits for the response while the request makes progress, and then for up to [`HEAD_LIMIT`].
pub(crate) async fn in_time<H: Host, T>(
    host: &H,
    progress: &Locked<Progress>,
    mut response: Pin<&mut impl Future<Output = Result<T, SendFault>>>,
) -> Result<T, SendFault> {
    loop {
        let since = host.elapsed().saturating_sub(progress.lock().last);
        let limit = HEAD_LIMIT.saturating_sub(since);
        if limit.is_zero() {
            return Err(SendFault::TimedOut);
        }
        if let Ok(outcome) = within(host, limit, response.as_mut()).await {
            return outcome;
        }
    }
}
