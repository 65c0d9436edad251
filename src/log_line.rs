//! The operator's log: one JSON line for each request.
//!
//! Never a token, a secret, or a claim beyond ids; never text that a caller or an upstream chose, beyond ids and codes of
//! checked form.

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
#[derive(Debug)]
pub(crate) struct RequestNotes(Locked<Notes>);

#[derive(Debug, Default)]
struct Notes {
    /// When the step that is under way began.
    step_began: Duration,
    tenant_id: Option<Uuid>,
    object_id: Option<Uuid>,
    client_id: Option<Uuid>,
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
        notes.tenant_id = Some(caller.tenant_id());
        notes.object_id = caller.object_id();
        notes.client_id = caller.client();
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
                entries.push(format!("{name}{description};dur={:.3}", milliseconds(time)));
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
        let notes = self.0.lock();
        let line = RequestLine {
            level: level(what.status),
            event: "request",
            method: what.method,
            path: what.path,
            status: what.status.as_u16(),
            outcome: what.outcome,
            cause: error.map(Error::to_string).filter(|cause| !cause.is_empty()),
            request_id: correlation.request_id,
            client_request_id: correlation.client_request_id,
            trace_id: correlation.traceparent.get(3..35).unwrap_or_default(),
            tenant_id: notes.tenant_id,
            object_id: notes.object_id,
            client_id: notes.client_id,
            entra: error.and_then(Ids::of_entra),
            graph: error.and_then(Ids::of_graph),
            token_from: notes.token_from,
            validate_ms: notes.validate.map(milliseconds),
            exchange_ms: notes.exchange.map(milliseconds),
            graph_ms: notes.graph.map(milliseconds),
            total_ms: milliseconds(total),
        };
        write(host, &line);
    }
}

impl Notes {
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

#[derive(Serialize)]
struct RequestLine<'a> {
    level: &'static str,
    event: &'static str,
    method: &'static str,
    path: &'static str,
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
    graph: Option<Ids<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_from: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validate_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exchange_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    graph_ms: Option<f64>,
    total_ms: f64,
}

/// An upstream's own ids of a request that it refused.
#[derive(Serialize)]
struct Ids<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

impl<'a> Ids<'a> {
    fn of_entra(error: &'a Error) -> Option<Self> {
        let Error::Refused(refusal) = error else { return None };
        let refusal = refusal.of_entra()?;
        let (correlation_id, trace_id) = (refusal.correlation_id.as_deref(), refusal.trace_id.as_deref());
        Some(Self { correlation_id, trace_id, request_id: None })
    }

    fn of_graph(error: &'a Error) -> Option<Self> {
        let Error::Graph { refusal, .. } = error else { return None };
        Some(Self { correlation_id: None, trace_id: None, request_id: refusal.graph_request_id.as_deref() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, to_value};

    use super::{Ids, RequestLine, Uuid};

    /// The names in the first column of the table in `docs/operations.md`.
    fn documented() -> Vec<String> {
        let page = include_str!("../docs/operations.md");
        let section = page.split_once("## The log line").unwrap().1.split_once("There are lines without").unwrap().0;
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        rows.flat_map(|row| {
            format!("`{}", row.split('|').next().unwrap())
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
    }

    #[test]
    fn every_member_is_documented_in_its_order() {
        let ids = || Some(Ids { correlation_id: Some("c"), trace_id: Some("t"), request_id: Some("r") });
        let line = RequestLine {
            level: "info",
            event: "request",
            method: "GET",
            path: "/",
            status: 200,
            outcome: "ok",
            cause: Some(String::new()),
            request_id: Uuid::nil(),
            client_request_id: Uuid::nil(),
            trace_id: "",
            tenant_id: Some(Uuid::nil()),
            object_id: Some(Uuid::nil()),
            client_id: Some(Uuid::nil()),
            entra: ids(),
            graph: ids(),
            token_from: Some("memory"),
            validate_ms: Some(0.0),
            exchange_ms: Some(0.0),
            graph_ms: Some(0.0),
            total_ms: 0.0,
        };
        let text = serde_json::to_string(&line).unwrap();
        let Value::Object(members) = to_value(&line).unwrap() else { panic!("not an object") };
        let mut names: Vec<&String> = members.keys().collect();
        // In the order in which they are written.
        names.sort_by_key(|name| text.find(&format!("\"{name}\":")));
        assert_eq!(documented().iter().collect::<Vec<_>>(), names);
    }
}
