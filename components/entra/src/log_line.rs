//! The operator's log: one JSON line for each request.
//!
//! Never a token, a secret, or a claim beyond ids; never a path or other text that a caller or an upstream chose.

use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use uuid::Uuid;

use entra_obo::{
    Origin, VerifiedCaller,
    event_log::{level, milliseconds, write},
    host::Host,
    toolkit::{Correlation, Locked},
};

use crate::error::Error;

/// What is noted about a request while it is served.
#[derive(Debug, Default)]
pub(crate) struct RequestNotes(Locked<Notes>);

#[derive(Debug, Default)]
struct Notes {
    tenant_id: Option<Uuid>,
    object_id: Option<Uuid>,
    client_id: Option<Uuid>,
    token_from: Option<&'static str>,
    upstream: Option<Duration>,
}

impl RequestNotes {
    /// Notes who calls.
    pub(crate) fn validated(&self, caller: &VerifiedCaller) {
        let mut notes = self.0.lock();
        notes.tenant_id = Some(caller.tenant_id());
        notes.object_id = caller.object_id();
        notes.client_id = caller.client();
    }

    /// Notes where a token came from.
    pub(crate) fn exchanged(&self, origin: Origin) {
        self.0.lock().token_from = Some(origin.as_str());
    }

    /// Notes how long the app or a downstream API took until the head of its response.
    pub(crate) fn upstream_answered(&self, after: Duration) {
        self.0.lock().upstream = Some(after);
    }

    /// Writes the request's line.
    pub(crate) fn log<H: Host>(
        &self,
        host: &H,
        correlation: &Correlation,
        what: Served<'_>,
        error: Option<&Error>,
        total: Duration,
    ) {
        let notes = self.0.lock();
        let entra = match error {
            Some(Error::Refused(refusal)) => refusal.of_entra(),
            _ => None,
        };
        let line = RequestLine {
            level: level(what.status),
            event: "request",
            route: what.route,
            status: what.status.as_u16(),
            outcome: what.outcome,
            cause: error.map(Error::to_string).filter(|cause| !cause.is_empty()),
            request_id: correlation.request_id,
            client_request_id: correlation.client_request_id,
            trace_id: correlation.traceparent.get(3..35).unwrap_or_default(),
            tenant_id: notes.tenant_id,
            object_id: notes.object_id,
            client_id: notes.client_id,
            entra: entra.map(|refusal| Ids {
                correlation_id: refusal.correlation_id.as_deref(),
                trace_id: refusal.trace_id.as_deref(),
            }),
            token_from: notes.token_from,
            upstream_ms: notes.upstream.map(milliseconds),
            total_ms: milliseconds(total),
        };
        write(host, &line);
    }
}

/// How a request was served.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Served<'a> {
    /// One word for what the request was: `gateway`, `public`, a path of the sidecar.
    pub(crate) route: &'static str,
    /// The status of the answer.
    pub(crate) status: StatusCode,
    /// `ok`, or the problem's code.
    pub(crate) outcome: &'a str,
}

#[derive(Serialize)]
struct RequestLine<'a> {
    level: &'static str,
    event: &'static str,
    route: &'static str,
    status: u16,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    request_id: Uuid,
    client_request_id: Uuid,
    trace_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entra: Option<Ids<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_from: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_ms: Option<f64>,
    total_ms: f64,
}

/// Entra's own ids of an exchange that it refused.
#[derive(Serialize)]
struct Ids<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
}
