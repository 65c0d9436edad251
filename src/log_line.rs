//! The operator's log: one JSON line for each request.
//!
//! Never a token, a secret, or a claim beyond ids; never text that a caller or an upstream chose, beyond ids and codes of
//! checked form.

use std::time::Duration;

use http::StatusCode;

use entra_obo::{
    Origin, VerifiedCaller,
    event_log::{CallerIds, Line, level, milliseconds},
    host::Host,
    toolkit::{Correlation, Locked},
};

use crate::error::Error;

/// What is noted about a request while it is served.
#[derive(Debug)]
pub(crate) struct RequestNotes(Locked<Notes>);

#[derive(Debug, Default)]
struct Notes {
    /// When the step that is under way began.
    step_began: Duration,
    caller: CallerIds,
    token_from: Option<&'static str>,
    validate: Option<Duration>,
    exchange: Option<Duration>,
    graph: Option<Duration>,
}

impl RequestNotes {
    /// Notes of a request that arrived at this moment of [`Host::elapsed`]; so are the moments below.
    #[must_use]
    pub(crate) fn begun(at: Duration) -> Self {
        Self(Locked::new(Notes { step_began: at, ..Notes::default() }))
    }

    /// Notes who calls, and how long it took to know.
    pub(crate) fn validated(&self, caller: &VerifiedCaller, at: Duration) {
        let mut notes = self.0.lock();
        notes.caller = caller.ids();
        notes.validate = Some(notes.end_step(at));
    }

    /// Notes where the Graph token came from, if there is one, and how long it took; several times add up.
    ///
    /// The clock is read only if it took any time, because reading it takes time too.
    pub(crate) fn exchanged(&self, origin: Option<Origin>, at: impl FnOnce() -> Duration) {
        let mut notes = self.0.lock();
        notes.token_from = origin.map(Origin::as_str).or(notes.token_from);
        let time = if origin == Some(Origin::Memory) { Duration::ZERO } else { notes.end_step(at()) };
        notes.exchange = Some(notes.exchange.unwrap_or_default().saturating_add(time));
    }

    /// Notes how long Graph took; several times add up.
    pub(crate) fn graph_answered(&self, at: Duration) {
        let mut notes = self.0.lock();
        let time = notes.end_step(at);
        notes.graph = Some(notes.graph.unwrap_or_default().saturating_add(time));
    }

    /// The same times as a `Server-Timing` header (W3C Server Timing).
    #[must_use]
    pub(crate) fn server_timing(&self, total: Duration) -> String {
        let notes = self.0.lock();
        let mut entries = Vec::new();
        let mut add = |name: &str, description: Option<&str>, time: Option<Duration>| {
            if let Some(time) = time {
                let description = description.map(|text| format!(";desc=\"{text}\"")).unwrap_or_default();
                // To the nearest microsecond, in integers: formatting a float takes 5 kB.
                let time = time.saturating_add(Duration::from_nanos(500));
                let milliseconds = time.as_secs().saturating_mul(1_000).saturating_add(time.subsec_millis().into());
                let microseconds = time.subsec_micros() % 1_000;
                entries.push(format!("{name}{description};dur={milliseconds}.{microseconds:03}"));
            }
        };
        add("validate", None, notes.validate);
        add("exchange", notes.token_from, notes.exchange);
        add("graph", None, notes.graph);
        add("total", None, Some(total));
        entries.join(", ")
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
        self.0.lock().line(correlation, what, error, total).write(host);
    }
}

impl Notes {
    fn line(&self, correlation: &Correlation, what: Served<'_>, error: Option<&Error>, total: Duration) -> Line {
        let line = Line::new(level(what.status), "request")
            .with("method", what.method)
            .with("path", what.path)
            .with("status", what.status.as_u16())
            .with("outcome", what.outcome)
            .with_some("cause", error.map(Error::to_string).filter(|cause| !cause.is_empty()))
            .with_correlation(correlation)
            .with_caller(&self.caller);
        let line = match error {
            Some(Error::Refused(refusal)) => refusal.add_to_line(line),
            Some(Error::Graph { refusal, .. }) => {
                line.with_object("graph", &[("request_id", refusal.graph_request_id.as_deref())])
            }
            _ => line,
        };
        line.with_some("token_from", self.token_from)
            .with_some("validate_ms", self.validate.map(milliseconds))
            .with_some("exchange_ms", self.exchange.map(milliseconds))
            .with_some("graph_ms", self.graph.map(milliseconds))
            .with("total_ms", milliseconds(total))
    }

    fn end_step(&mut self, at: Duration) -> Duration {
        let time = at.saturating_sub(self.step_began);
        self.step_began = at;
        time
    }
}

/// How a request was served.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Served<'a> {
    /// `GET`, `HEAD`, `OPTIONS`; any other method is `other`.
    pub method: &'static str,
    /// One of this API's paths; any other is `other`.
    pub path: &'static str,
    /// The status of the answer.
    pub status: StatusCode,
    /// `ok`, or the problem's code.
    pub outcome: &'a str,
}
