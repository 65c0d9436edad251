//! Everything that can keep a request from being answered with a profile.

use std::fmt;

use uuid::Uuid;

use entra_obo::{Refusal, settings::source::Unsettled, toolkit::UpstreamFault};

use crate::graph::{resource::GraphRefusal, select::QueryFault, streams::TooManyStreams};

/// Why there is no profile.
#[derive(Debug, Clone)]
pub(crate) enum Error {
    /// No such path.
    NotFound,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// A page of an origin that is not on the list asks to call.
    OriginNotAllowed,
    /// The query has something that is not passed through.
    Query(QueryFault),
    /// There are no settings.
    Unsettled(Unsettled),
    /// The caller is not admitted, or there is no token for Graph.
    Refused(Refusal),
    /// Graph gave no usable response.
    Upstream(UpstreamFault),
    /// Graph refused the request.
    Graph {
        /// The directory of the caller.
        tenant_id: Uuid,
        /// Its refusal.
        refusal: GraphRefusal,
    },
    /// The response would have to be streamed in addition to too many others.
    TooManyStreams(TooManyStreams),
    /// A probe asks, and this instance would refuse every request for this reason.
    NotReady(Box<Self>),
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

/// What happened, for the operator's log. Holds no token, secret or claim beyond ids.
impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound | Self::MethodNotAllowed | Self::OriginNotAllowed => Ok(()),
            Self::Query(fault) => formatter.write_str(fault.words()),
            Self::Unsettled(fault) => fault.fmt(formatter),
            Self::Refused(refusal) => refusal.fmt(formatter),
            Self::Upstream(fault) => fault.fmt(formatter),
            Self::Graph { refusal, .. } => write!(
                formatter,
                "Graph refused: status {} {}",
                refusal.status.as_u16(),
                refusal.graph_code.as_deref().unwrap_or("without a code")
            ),
            Self::TooManyStreams(TooManyStreams::OfPerson) => {
                formatter.write_str("this person has not read the responses that are being streamed to them")
            }
            Self::TooManyStreams(TooManyStreams::OfInstance) => {
                formatter.write_str("the instance streams as many responses as it can")
            }
            Self::NotReady(reason) => reason.fmt(formatter),
            Self::Internal(words) => formatter.write_str(words),
        }
    }
}
