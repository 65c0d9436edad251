//! The ways in which an upstream breaks, as an HTTP server does and as Redis does.

use std::{fmt, time::Duration};

use emulated_tenant::Fault;

use crate::deep::breaking_proxy::ReplyFault;

/// A way to break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::deep) enum FaultKind {
    Refused,
    ResetBeforeHead,
    Silence,
    HeadThenSilence,
    Drip,
    ResetMidBody,
    Error,
    Unavailable,
    NotFound,
    NotHttp,
    Html,
    Truncated,
    Empty,
    TenMegabytes,
    Redirect,
}

/// Short enough that recovery within `cell::RECOVERY_LIMIT` respects it.
const RETRY_AFTER_SECONDS: u64 = 2;
const TEN_MEGABYTES: usize = 10 << 20;
/// A whole response takes minutes at this pace.
const DRIP: (usize, Duration) = (1, Duration::from_millis(300));
/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:1/";
const HTML: &str = "<!DOCTYPE html><title>Proxy</title><p>Please sign in to the network.";

impl FaultKind {
    pub(in crate::deep) const ALL: [Self; 15] = [
        Self::Refused,
        Self::ResetBeforeHead,
        Self::Silence,
        Self::HeadThenSilence,
        Self::Drip,
        Self::ResetMidBody,
        Self::Error,
        Self::Unavailable,
        Self::NotFound,
        Self::NotHttp,
        Self::Html,
        Self::Truncated,
        Self::Empty,
        Self::TenMegabytes,
        Self::Redirect,
    ];

    /// Whether it shows at once. The others make a request wait, or take long to read.
    pub(in crate::deep) const fn shows_at_once(self) -> bool {
        !matches!(self, Self::Silence | Self::HeadThenSilence | Self::Drip | Self::TenMegabytes)
    }

    /// `None` if the whole service refuses connections.
    pub(in crate::deep) fn of_http(self) -> Option<Fault> {
        Some(match self {
            Self::Refused => return None,
            Self::ResetBeforeHead => Fault::ResetConnection,
            Self::Silence => Fault::Silence,
            Self::HeadThenSilence => Fault::HeadThenSilence,
            Self::Drip => Fault::DripBody { bytes: DRIP.0, pause: DRIP.1 },
            Self::ResetMidBody => Fault::ResetConnectionInBody,
            Self::Error => Fault::status(500),
            Self::Unavailable => Fault::unavailable(RETRY_AFTER_SECONDS),
            Self::NotFound => Fault::status(404),
            Self::NotHttp => Fault::NotHttp,
            Self::Html => Fault::Garbage,
            Self::Truncated => Fault::Truncated,
            Self::Empty => Fault::status(200),
            Self::TenMegabytes => Fault::HugeBody(TEN_MEGABYTES),
            Self::Redirect => Fault::redirect(NOWHERE),
        })
    }

    /// The closest equivalent for Redis.
    pub(in crate::deep) const fn of_store(self) -> ReplyFault {
        match self {
            Self::Refused => ReplyFault::Refused,
            Self::ResetBeforeHead => ReplyFault::Reset,
            Self::Silence => ReplyFault::Silence,
            Self::HeadThenSilence => ReplyFault::HeadThenSilence,
            Self::Drip => ReplyFault::Drip,
            Self::ResetMidBody => ReplyFault::ResetHalfWay,
            Self::Error => ReplyFault::Says("-ERR internal error\r\n"),
            Self::Unavailable => ReplyFault::Says("-LOADING Redis is loading the dataset in memory\r\n"),
            Self::NotFound => ReplyFault::Says("-ERR unknown command\r\n"),
            Self::NotHttp => ReplyFault::Says("SSH-2.0-OpenSSH_9.9\r\n"),
            Self::Html => ReplyFault::Says(HTML),
            Self::Truncated => ReplyFault::Truncated,
            Self::Empty => ReplyFault::Empty,
            Self::TenMegabytes => ReplyFault::Huge(TEN_MEGABYTES),
            Self::Redirect => ReplyFault::Says("-MOVED 3999 127.0.0.1:1\r\n"),
        }
    }
}

impl FaultKind {
    /// The same for an app that answers over HTTP/1.1.
    pub(in crate::deep) const fn of_app(self) -> ReplyFault {
        match self {
            Self::Error => ReplyFault::Says("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"),
            Self::Unavailable => {
                ReplyFault::Says("HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n")
            }
            Self::NotFound => ReplyFault::Says("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
            Self::Html => ReplyFault::Says(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\n\r\n<!DOCTYPE html>",
            ),
            Self::Redirect => {
                ReplyFault::Says("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")
            }
            other => other.of_store(),
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Refused => "refused",
            Self::ResetBeforeHead => "reset before head",
            Self::Silence => "silence",
            Self::HeadThenSilence => "head then silence",
            Self::Drip => "slow drip",
            Self::ResetMidBody => "reset mid-body",
            Self::Error => "500",
            Self::Unavailable => "503 with Retry-After",
            Self::NotFound => "404",
            Self::NotHttp => "not HTTP",
            Self::Html => "HTML",
            Self::Truncated => "truncated",
            Self::Empty => "empty",
            Self::TenMegabytes => "10 MB",
            Self::Redirect => "redirect",
        })
    }
}
