//! The emulated tenant over HTTP, as a client meets it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, also in its helpers, which clippy does not know as tests"
)]

mod admin;
mod browser;
mod certificates;
mod client;
mod client_credentials;
mod consent;
mod discovery;
mod exchange;
mod faults;
mod federation;
mod graph;
mod key_vault;
mod people;
mod program;
mod recordings;
mod redemption;
mod register;
mod registration;
mod setup;
mod sign_in;
mod sign_out;
mod tokens;
mod wire;
