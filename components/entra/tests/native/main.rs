//! Gateway and sidecar natively, against a scripted host: what arrives at the app, and what does not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../../../../tests/native/answered.rs"]
mod answered;
#[path = "../../../../tests/native/caller_tokens.rs"]
#[allow(dead_code, reason = "the API's tests need more kinds of tokens")]
mod caller_tokens;
mod scripted_host;
#[path = "../../../../tests/native/virtual_time.rs"]
mod virtual_time;

mod application_tokens;
mod gateway;
mod hostile;
mod settings;
mod sidecar;
mod sidecar_options;
mod sidecar_streams;
mod streams;
