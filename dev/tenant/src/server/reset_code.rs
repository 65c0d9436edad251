//! Codes by which HTTP/2 ends streams and connections.

use h2::Reason;
use serde::Deserialize;

/// Codes of HTTP/2 (RFC 9113 section 7) by which a server ends a stream or a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetCode {
    /// `NO_ERROR`
    NoError,
    /// `PROTOCOL_ERROR`
    ProtocolError,
    /// `INTERNAL_ERROR`
    InternalError,
    /// `REFUSED_STREAM`: the request was not processed, and may be sent again.
    RefusedStream,
    /// `CANCEL`
    Cancel,
    /// `ENHANCE_YOUR_CALM`
    EnhanceYourCalm,
}

impl ResetCode {
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::NoError => Reason::NO_ERROR,
            Self::ProtocolError => Reason::PROTOCOL_ERROR,
            Self::InternalError => Reason::INTERNAL_ERROR,
            Self::RefusedStream => Reason::REFUSED_STREAM,
            Self::Cancel => Reason::CANCEL,
            Self::EnhanceYourCalm => Reason::ENHANCE_YOUR_CALM,
        }
    }
}
