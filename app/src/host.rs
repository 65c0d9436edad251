//! What the core asks of the machine it runs on.
//!
//! Two implementations exist: `component` on Spin, and the scripted host of the native tests.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

/// Clock, randomness, settings, network, store and log.
///
/// The futures are not `Send`: an instance of the component runs on one thread.
#[expect(async_fn_in_trait, reason = "single-threaded by design")]
pub trait Host {
    /// Wall-clock time, to judge tokens and cookies by.
    fn now(&self) -> UnixTime;

    /// Time since some fixed point that never goes back, to measure by.
    fn elapsed(&self) -> Duration;

    /// Sixteen unpredictable bytes.
    fn random(&self) -> [u8; 16];

    /// The value of a component variable, if it is there within `timeout`.
    async fn variable(&self, name: &str, timeout: Duration) -> Result<String, VariableUnavailable>;

    /// Sends a request and reads its answer whole, within `limits`. Redirections are answers, not followed.
    async fn send(&self, request: Request<Bytes>, limits: Limits) -> Result<Response<Bytes>, SendFault>;

    /// Reads an entry of the shared store, if it answers within `timeout`.
    async fn read_store(&self, key: &str, timeout: Duration) -> Result<Option<Vec<u8>>, StoreFault>;

    /// Writes an entry of the shared store, if it answers within `timeout`.
    async fn write_store(&self, key: &str, value: &[u8], timeout: Duration) -> Result<(), StoreFault>;

    /// Writes one line to the operator's log.
    fn log(&self, line: &str);
}

/// How much a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the beginning of the request to the end of the answer.
    pub time: Duration,
    /// Bytes of the answer's body.
    pub body: usize,
}

/// Whole seconds since 1 January 1970, as in a JWT's `NumericDate` (RFC 7519 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
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
    /// variables, since the list of allowed destinations is made from them.
    Denied,
    /// The time limit passed.
    TimedOut,
    /// The answer is larger than the limit.
    TooLarge,
    /// No connection, or one that broke: the host's own word for it.
    Broken(String),
}

/// A component variable could not be read: the host's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableUnavailable(pub String);

/// The shared store failed: the host's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFault(pub String);
