//! The operator's log: one JSON object on each line.
//!
//! Never a token, a secret or a claim beyond ids; never text that a caller or an upstream chose, beyond ids and codes of
//! checked form.

use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

use crate::host::Host;

/// Writes one line.
pub fn write<H: Host>(host: &H, line: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(line) {
        host.log(&text);
    }
}

/// Writes a line about something that may resolve itself.
pub fn warn<H: Host>(host: &H, event: &'static str, cause: String) {
    write(host, &Event { level: "warn", event, cause });
}

/// Writes a line about something that the operator has to fix.
pub fn error<H: Host>(host: &H, event: &'static str, cause: String) {
    write(host, &Event { level: "error", event, cause });
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

#[derive(Serialize)]
struct Event {
    level: &'static str,
    event: &'static str,
    cause: String,
}
