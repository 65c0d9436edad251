//! What the core asks of the machine it runs on.
//!
//! Two implementations exist: `component` on Spin, and the scripted host of the native tests.

use std::time::Duration;

use bytes::Bytes;

/// Clock, randomness, settings, network, store and log.
///
/// The futures are not `Send`: an instance of the component runs on one thread.
#[expect(async_fn_in_trait, reason = "single-threaded by design")]
pub trait Host: Clone + 'static {
    /// The body of an upstream's response, read piece by piece.
    type Body: UpstreamBody;

    /// Wall-clock time, to judge tokens and cached entries by.
    fn now(&self) -> UnixTime;

    /// Time since some fixed point that never goes back, to measure and to keep deadlines by.
    fn elapsed(&self) -> Duration;

    /// Sixteen unpredictable bytes.
    fn random(&self) -> [u8; 16];

    /// The value of a component variable.
    async fn variable(&self, name: &str) -> Result<String, VariableUnavailable>;

    /// Sends a request and waits for the head of the answer, of which it gives the headers that `upstream` looks at.
    ///
    /// If the host keeps limits, neither that wait nor one for a piece of the body is longer than `limit`.
    async fn send(
        &self,
        request: &http::Request<Bytes>,
        limit: Duration,
    ) -> Result<http::Response<Self::Body>, SendFault>;

    /// Whether `send` keeps its limit, so that no timer need be set beside it.
    fn keeps_limits(&self) -> bool;

    /// Waits.
    async fn sleep(&self, duration: Duration);

    /// Reads an entry of the shared store.
    async fn read_store(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFault>;

    /// Writes an entry of the shared store.
    async fn write_store(&self, key: &str, value: &[u8]) -> Result<(), StoreFault>;

    /// Goes on with `task` beside the request, also after its answer has been given.
    fn spawn(&self, task: impl Future<Output = ()> + 'static);

    /// Takes no further requests into this instance; those under way go on. The host starts another.
    fn retire(&self);

    /// Writes one line to the operator's log.
    fn log(&self, line: &str);
}

/// A response body that arrives piece by piece.
#[expect(async_fn_in_trait, reason = "single-threaded by design")]
pub trait UpstreamBody: 'static {
    /// The next piece, `None` at the end.
    async fn next(&mut self) -> Option<Result<Bytes, SendFault>>;
}

/// Whole seconds since 1 January 1970, as in a JWT's `NumericDate` (RFC 7519 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// This time and `seconds` more.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Whole seconds from `earlier` to this time, zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendFault {
    /// The host forbids the destination. Spin says so also when it could not resolve one of the application's
    /// variables, since the list of allowed destinations is made from them, and then for as long as the instance lives.
    Denied,
    /// The call's own time limit passed.
    TimedOut,
    /// The request that needs it has no time left.
    DeadlinePassed,
    /// No connection, or one that broke: the host's own word for it.
    Broken(String),
}

/// A component variable could not be read: the host's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableUnavailable(pub String);

/// The shared store failed: the host's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFault(pub String);
