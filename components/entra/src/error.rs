//! Everything that can keep a request from being served.

use std::fmt;

use uuid::Uuid;

use entra_obo::{ClaimsChallenge, Refusal, host::SendFault, settings::source::Unsettled};

use crate::path::PathFault;

/// Why a request is not served.
#[derive(Debug, Clone)]
pub(crate) enum Error {
    /// No such path.
    NotFound,
    /// There is no app behind this component.
    NoUpstream,
    /// The path exists, but not with this method: the methods that it has.
    MethodNotAllowed(&'static str),
    /// A page of an origin that is not on the list asks to call.
    OriginNotAllowed,
    /// The target is not plain.
    Path(PathFault),
    /// The request wants another protocol.
    Upgrade,
    /// The headers, with those that the gateway adds, are more than a host sends on.
    HeadTooLarge,
    /// The operator has declared no API of this name.
    UnknownApi,
    /// Application tokens are not issued for this API, or not to a request that came from outside: words for the app.
    ApplicationTokens(&'static str),
    /// A parameter that is not supported, or exceeds what the operator allows: its name.
    Parameter(String),
    /// The request's body ended before it was complete.
    BodyBroken,
    /// There are no settings.
    Unsettled(Unsettled),
    /// The caller is not admitted, or there is no token.
    Refused(Refusal),
    /// The app gave no usable response.
    App(SendFault),
    /// A downstream API gave no response.
    Downstream(SendFault),
    /// A downstream API wants a token with these claims, and Entra issues none before the person signs in again.
    DownstreamClaims {
        /// The directory of the caller.
        tenant_id: Uuid,
        /// What the token must satisfy.
        claims: ClaimsChallenge,
    },
    /// Something that should be impossible, and must not be a panic.
    Internal(&'static str),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Unsettled> for Error {
    fn from(fault: Unsettled) -> Self {
        Self::Unsettled(fault)
    }
}

/// What happened, for the operator's log. Holds no token, secret or claim beyond ids, and nothing that a caller wrote.
impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound
            | Self::MethodNotAllowed(_)
            | Self::OriginNotAllowed
            | Self::Upgrade
            | Self::HeadTooLarge
            | Self::UnknownApi
            | Self::Parameter(_) => Ok(()),
            Self::NoUpstream => {
                formatter.write_str("upstream is empty, so there are only the paths for the app itself")
            }
            Self::Path(words) | Self::ApplicationTokens(words) => formatter.write_str(words),
            Self::BodyBroken => formatter.write_str("the request's body ended before it was complete"),
            Self::Unsettled(fault) => fault.fmt(formatter),
            Self::Refused(refusal) => refusal.fmt(formatter),
            Self::App(fault) => write!(formatter, "the app at upstream: {fault}"),
            Self::Downstream(fault) => write!(formatter, "a downstream API: {fault}"),
            Self::DownstreamClaims { .. } => formatter.write_str("a downstream API asks for claims"),
            Self::Internal(words) => formatter.write_str(words),
        }
    }
}
