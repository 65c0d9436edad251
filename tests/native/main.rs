//! The whole flow natively, against a scripted host: every step's decisions in milliseconds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "the tests of `entra` read more of a response")]
mod answered;
mod caller_tokens;
mod scripted_host;
mod virtual_time;

mod browsers;
mod caches;
mod discovery;
mod exchanges;
mod federated_credentials;
mod flow;
mod graph_answers;
mod keys;
mod log_line;
mod properties;
mod readiness;
mod recordings;
mod refusals;
mod settings;
