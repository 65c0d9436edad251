//! The operator's log: one JSON object on each line.
//!
//! Never a token, a secret or a claim beyond ids; never text that a caller or an upstream chose, beyond ids and codes of
//! checked form.

use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use uuid::Uuid;

use crate::{correlation::Correlation, host::Host};

/// Writes a line about something that may resolve itself.
pub fn warn<H: Host>(host: &H, event: &'static str, cause: String) {
    Line::new("warn", event).with("cause", &cause).write(host);
}

/// Writes a line about something that the operator has to fix.
pub fn error<H: Host>(host: &H, event: &'static str, cause: String) {
    Line::new("error", event).with("cause", &cause).write(host);
}

/// A line under construction. Its members keep the order in which they are added.
#[derive(Debug)]
pub struct Line(Vec<u8>);

/// Whose request a line is about, by the claims of the verified token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallerIds {
    /// `tid`
    pub tenant_id: Option<Uuid>,
    /// `oid`
    pub object_id: Option<Uuid>,
    /// `azp` or `appid`
    pub client_id: Option<Uuid>,
}

impl Line {
    /// A line with its first two members.
    #[must_use]
    pub fn new(level: &'static str, event: &'static str) -> Self {
        Self(b"{".to_vec()).with("level", level).with("event", event)
    }

    /// The same with another member. Its value is a number or a text, which cannot fail to serialise.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Serialize) -> Self {
        self.begin(name);
        let _ = serde_json::to_writer(&mut self.0, &value);
        self
    }

    /// The same with a member that has members of its own: those for which there is a value.
    #[must_use]
    pub fn with_object(mut self, name: &'static str, members: &[(&'static str, Option<&str>)]) -> Self {
        self.begin(name);
        let object = members.iter().fold(Self(b"{".to_vec()), |object, (name, value)| object.with_some(name, *value));
        self.0.extend_from_slice(object.into_text().as_bytes());
        self
    }

    fn begin(&mut self, name: &str) {
        let separator = if self.0.len() > 1 { "," } else { "" };
        for part in [separator, "\"", name, "\":"] {
            self.0.extend_from_slice(part.as_bytes());
        }
    }

    /// The same with another member, if there is a value for it.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Serialize>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The same with the ids of the request.
    #[must_use]
    pub fn with_correlation(self, correlation: &Correlation) -> Self {
        self.with("request_id", correlation.request_id)
            .with("client_request_id", correlation.client_request_id)
            .with("trace_id", correlation.trace.id.simple())
    }

    /// The same with the ids of the caller, as far as they are known.
    #[must_use]
    pub fn with_caller(self, caller: &CallerIds) -> Self {
        self.with_some("tenant_id", caller.tenant_id)
            .with_some("object_id", caller.object_id)
            .with_some("client_id", caller.client_id)
    }

    /// Writes it.
    pub fn write<H: Host>(self, host: &H) {
        host.log(&self.into_text());
    }

    /// Its text, one JSON object.
    #[must_use]
    pub fn into_text(mut self) -> String {
        self.0.push(b'}');
        String::from_utf8(self.0).unwrap_or_default()
    }
}

/// The level of a line about a response with this status.
#[must_use]
pub fn level(status: StatusCode) -> &'static str {
    match status.as_u16() {
        500 => "error",
        501.. => "warn",
        _ => "info",
    }
}

/// Milliseconds, to the microsecond.
#[must_use]
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
