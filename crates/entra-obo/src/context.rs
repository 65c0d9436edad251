//! One request, as the steps of the flow see it.

use std::time::Duration;

use http::HeaderMap;

use crate::{
    correlation::Correlation,
    deadline::Deadline,
    host::{Host, UnixTime},
};

/// What the steps of one request need. Make one when the request arrives.
#[derive(Debug, Clone)]
pub struct Context<H> {
    /// The machine that serves it.
    pub host: H,
    /// The ids of the request.
    pub correlation: Correlation,
    /// When it arrived. What needs no wait is judged by it, because reading a clock is a call of the host.
    pub now: UnixTime,
    /// The same moment, as [`Host::elapsed`].
    pub elapsed: Duration,
    /// The moment by which it must be answered.
    pub deadline: Deadline,
    limit: Duration,
}

impl<H: Host> Context<H> {
    /// A request that arrives now with these headers, and must be answered within `limit`. Every wait for Entra, the store
    /// or another request ends by then.
    #[must_use]
    pub fn new(host: H, headers: &HeaderMap, limit: Duration) -> Self {
        let (now, elapsed) = (host.now(), host.elapsed());
        let correlation = Correlation::from_headers(&host, headers);
        Self { host, correlation, now, elapsed, deadline: Deadline::after(elapsed, limit), limit }
    }

    /// The same request with another limit, counted from its arrival.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { deadline: Deadline::after(self.elapsed, limit), limit, ..self }
    }

    /// The same for background work, with as much time as the request had.
    #[must_use]
    pub(crate) fn in_background(&self) -> Self {
        let elapsed = self.host.elapsed();
        let deadline = Deadline::after(elapsed, self.limit);
        Self { now: self.host.now(), elapsed, deadline, ..self.clone() }
    }
}
