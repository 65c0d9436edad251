//! What the core needs from the machine that it runs on.

use std::{fmt, future::ready, io, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri, uri::Authority};

use crate::message::Body;

/// `Send` where a program has threads. Under WebAssembly, where it has none and hosts' handles are not `Send`, any type.
#[cfg(not(target_family = "wasm"))]
pub trait MaybeSend: Send {}
#[cfg(not(target_family = "wasm"))]
impl<T: Send + ?Sized> MaybeSend for T {}

/// `Send` where a program has threads. Under WebAssembly, where it has none and hosts' handles are not `Send`, any type.
#[cfg(target_family = "wasm")]
pub trait MaybeSend {}
#[cfg(target_family = "wasm")]
impl<T: ?Sized> MaybeSend for T {}

/// `Sync`, with the same exception as [`MaybeSend`].
#[cfg(not(target_family = "wasm"))]
pub trait MaybeSync: Sync {}
#[cfg(not(target_family = "wasm"))]
impl<T: Sync + ?Sized> MaybeSync for T {}

/// `Sync`, with the same exception as [`MaybeSend`].
#[cfg(target_family = "wasm")]
pub trait MaybeSync {}
#[cfg(target_family = "wasm")]
impl<T: ?Sized> MaybeSync for T {}

/// Clock, randomness, settings, network, files, store and log.
///
/// Methods with a default body are for hosts that offer more: files, a store, time limits of their own.
pub trait Host: Clone + MaybeSend + MaybeSync + 'static {
    /// The body of an upstream's response, read piece by piece.
    type Body: UpstreamBody;

    /// Wall-clock time, to judge tokens and cached entries by.
    fn now(&self) -> UnixTime;

    /// Time since some fixed point that never goes back, to measure and to keep deadlines by.
    fn elapsed(&self) -> Duration;

    /// Sixteen unpredictable bytes, suitable for keys.
    fn random(&self) -> [u8; 16];

    /// The current value of a setting. The core only asks for `client_secret`, every few minutes and when Entra has
    /// refused the last value.
    fn variable(&self, name: &str) -> impl Future<Output = Result<String, VariableUnavailable>> + MaybeSend;

    /// Sends a request and waits for the head of the response, with at least the headers that the core reads
    /// ([`crate::toolkit::RESPONSE_HEADERS_READ`]). It follows no redirection.
    ///
    /// If the host keeps limits, neither that wait nor one for a piece of the body is longer than `limit`.
    fn send(
        &self,
        request: &Request<Bytes>,
        limit: Duration,
    ) -> impl Future<Output = Result<Response<Self::Body>, SendFault>> + MaybeSend;

    /// Whether `send` keeps its limit, so that the core sets no timer of its own.
    fn keeps_limits(&self) -> bool {
        false
    }

    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + MaybeSend;

    /// Reads a file: its first `limit` bytes, or all of it if it is shorter. The core reads only the file of a federated
    /// token, and that at each exchange, because it is replaced from time to time.
    fn read_file(&self, _path: &str, _limit: usize) -> impl Future<Output = Result<Vec<u8>, FileFault>> + MaybeSend {
        ready(Err(FileFault::Unreadable("this host reads no files".to_owned())))
    }

    /// Reads an entry of the shared store.
    fn read_store(&self, _key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, StoreFault>> + MaybeSend {
        ready(Ok(None))
    }

    /// Writes an entry of the shared store.
    fn write_store(&self, _key: &str, _value: &[u8]) -> impl Future<Output = Result<(), StoreFault>> + MaybeSend {
        ready(Ok(()))
    }

    /// Runs `task` in the background, also after the request has been answered.
    fn spawn(&self, task: impl Future<Output = ()> + MaybeSend + 'static);

    /// Writes one line to the operator's log.
    fn log(&self, line: &str);
}

/// A response body that arrives piece by piece.
pub trait UpstreamBody: MaybeSend + 'static {
    /// The next piece, `None` at the end. Nothing is lost if a caller stops waiting: the next call goes on.
    fn next(&mut self) -> impl Future<Output = Option<Result<Bytes, SendFault>>> + MaybeSend;

    /// The trailers (RFC 9110 section 6.5), once the end was reached and if there are any.
    fn trailers(&mut self) -> Option<HeaderMap> {
        None
    }
}

/// A host that also passes messages on: any method, all headers, bodies as they arrive, trailers.
pub trait Forward: Host {
    /// Sends a request and waits for the head of the response, with all of its headers. It follows no redirection.
    ///
    /// If the body ends in a fault, the request is cut off, so that its receiver never takes a part for the whole.
    fn forward<B: UpstreamBody>(
        &self,
        request: Request<Body<B>>,
        limits: ForwardLimits,
    ) -> impl Future<Output = Result<Response<Self::Body>, SendFault>> + MaybeSend;
}

/// How long a forwarded request may wait. A host without such limits of its own may ignore them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForwardLimits {
    /// For the head of the response, from the moment at which the request is sent.
    pub head: Duration,
    /// For each piece of the response's body.
    pub idle: Duration,
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
    /// The host forbids the destination, which this is: `scheme://host[:port]`; see [`SendFault::denied`]. Spin says so
    /// also when it could not resolve one of the application's variables, since the list of allowed destinations is made
    /// from them, and then for as long as the instance lives.
    Denied(String),
    /// The call's own time limit passed.
    TimedOut,
    /// The request that needs it has no time left.
    DeadlinePassed,
    /// The connection failed or broke: the host's own words.
    Broken(String),
}

impl SendFault {
    /// [`SendFault::Denied`] for a request to this address.
    #[must_use]
    pub fn denied(uri: &Uri) -> Self {
        let authority = uri.authority().map(Authority::as_str).unwrap_or_default();
        Self::Denied(format!("{}://{authority}", uri.scheme_str().unwrap_or("https")))
    }
}

/// In words for the log.
impl fmt::Display for SendFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(origin) => write!(
                formatter,
                "the host denied a call of {origin}: add it to allowed_outbound_hosts of this component in spin.toml; if it \
                 is there, a variable in that list could not be read, or the runtime configuration blocks its network"
            ),
            Self::TimedOut => formatter.write_str("no answer in time"),
            Self::DeadlinePassed => formatter.write_str("the request ran out of time first"),
            Self::Broken(reason) => write!(formatter, "the connection failed or broke ({reason})"),
        }
    }
}

/// Why a setting has no value: the host's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariableUnavailable {
    /// The host has no setting of this name.
    Undefined(String),
    /// It has one that could not be read.
    Unreadable(String),
}

/// The shared store failed: the host's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFault(pub String);

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileFault {
    /// There is no such file, or the host does not show it to this program.
    Missing,
    /// Another reason: the host's own words.
    Unreadable(String),
}

impl From<io::Error> for FileFault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Unreadable(error.to_string()),
        }
    }
}
