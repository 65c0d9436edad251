//! The operator's log: one JSON line for each request.
//!
//! Never a token, a secret, or a claim beyond ids; never a path or other text that a caller or an upstream chose.

use std::time::Duration;

use http::StatusCode;
use uuid::Uuid;

use entra_obo::{
    Origin, VerifiedCaller,
    event_log::{CallerIds, Line, level, milliseconds},
    host::Host,
    toolkit::{Correlation, Locked},
};

use crate::error::Error;

/// The outcome of a request to which the app itself answered that it failed.
const APP_FAILED: &str = "app_failed";

/// What is noted about a request while it is served.
#[derive(Debug, Default)]
pub(crate) struct RequestNotes(Locked<Notes>);

#[derive(Debug, Default)]
struct Notes {
    caller: CallerIds,
    token_of: Option<&'static str>,
    token_from: Option<&'static str>,
    upstream: Option<Duration>,
}

impl RequestNotes {
    /// Notes who calls.
    pub(crate) fn validated(&self, caller: &VerifiedCaller) {
        self.0.lock().caller = caller.ids();
    }

    /// Notes that the token is the application's own, of this directory.
    pub(crate) fn of_application(&self, tenant_id: Uuid) {
        let mut notes = self.0.lock();
        notes.caller.tenant_id = Some(tenant_id);
        notes.token_of = Some("application");
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
        let is_apps_own = error.is_none() && what.status.is_server_error();
        let (level, outcome) = if is_apps_own { ("warn", APP_FAILED) } else { (level(what.status), what.outcome) };
        let line = Line::new(level, "request")
            .with("route", what.route)
            .with("status", what.status.as_u16())
            .with("outcome", outcome)
            .with_some("cause", error.map(Error::to_string).filter(|cause| !cause.is_empty()))
            .with_correlation(correlation)
            .with_caller(&notes.caller);
        let line = match error {
            Some(Error::Refused(refusal)) => refusal.add_to_line(line),
            _ => line,
        };
        line.with_some("token_of", notes.token_of)
            .with_some("token_from", notes.token_from)
            .with_some("upstream_ms", notes.upstream.map(milliseconds))
            .with("total_ms", milliseconds(total))
            .write(host);
    }
}

/// How a request was served.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Served<'a> {
    /// One word for what the request was: `gateway`, a path of the sidecar, or `other`.
    pub(crate) route: &'static str,
    /// The status of the answer.
    pub(crate) status: StatusCode,
    /// `ok`, or the problem's code.
    pub(crate) outcome: &'a str,
}
