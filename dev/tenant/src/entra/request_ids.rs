//! The identifiers of a request.

use crate::{random, time, wire::IncomingRequest};

/// The identifiers of a request in Entra's responses and logs.
pub(super) struct RequestIds {
    pub(super) trace_id: String,
    /// The client's own id where it sent one.
    pub(super) correlation_id: String,
    pub(super) timestamp: String,
}

impl RequestIds {
    pub(super) fn of(incoming: &IncomingRequest) -> Self {
        // A browser that is redirected has no headers to send.
        let parameter = || incoming.query().into_iter().find(|pair| pair.0 == "client-request-id").map(|pair| pair.1);
        let sent = incoming.header("client-request-id").map(ToOwned::to_owned).or_else(parameter);
        let sent = sent.and_then(|id| uuid::Uuid::parse_str(&id).ok());
        Self {
            trace_id: random::guid(),
            correlation_id: sent.map_or_else(random::guid, |id| id.to_string()),
            timestamp: time::entra_timestamp(),
        }
    }
}
