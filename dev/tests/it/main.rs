//! End to end: the component as WebAssembly, in a host, against the emulated tenant.
//!
//! The host is the embedded one or, with `PROFILE_GET_SPIN=1`, the real `spin`. The tenant uses TLS and HTTP/2 or, with
//! `PROFILE_GET_WIRE=http`, plain HTTP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod harness;

mod answers;
mod chaining;
mod consumers;
mod downstream_calls;
mod embedded_host;
mod entra;
mod federated_credentials;
mod fleet;
mod host_variables;
mod hostile_app;
mod hostile_caller;
mod mcp;
mod microsoft_client;
mod native_server;
mod openapi;
mod outages;
mod pods;
mod readiness;
mod recorded_requests;
mod refusals;
mod register;
mod sign_in_app;
mod smuggling;
mod steady_state;
mod sunny_day;
mod vault_outages;
mod wasm_features;
mod wire_faults;
