//! Everything that reads what a stranger or an upstream wrote, with properties that hold for any bytes.
//!
//! Each target is a function of bytes that panics where a property does not hold. libFuzzer looks for such bytes
//! (`cargo dev fuzz`); the test in `tests/corpus.rs` only runs what is in `corpus/<target>`, so that every build does.

#![cfg(not(target_family = "wasm"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a target fails by panicking"
)]

mod api;
mod app;
mod caller;
mod credential;
mod exchange;
mod graph;
mod keys;
mod rsa_signature;
mod sealed;

use http::{HeaderMap, HeaderName, HeaderValue};

/// Panics where the bytes break a property.
pub type Target = fn(&[u8]);

/// All targets, by the names of their corpora.
pub const TARGETS: [(&str, Target); 19] = [
    ("api_request", api::request),
    ("app_cookies", app::cookies),
    ("app_request", app::request),
    ("app_sign_in", app::sign_in),
    ("bearer_token", caller::bearer_token),
    ("challenge", graph::challenge),
    ("client_credential", credential::client_credential),
    ("graph_error", graph::error),
    ("jwt", caller::jwt),
    ("key_set", keys::key_set),
    ("openid_configuration", keys::openid_configuration),
    ("retry_after", exchange::retry_after),
    ("rsa_signature", rsa_signature::rsa_signature),
    ("sealed_entry", sealed::sealed_entry),
    ("select", caller::select),
    ("strict_json", caller::strict_json),
    ("token_answer", exchange::token_answer),
    ("token_error", exchange::token_error),
    ("traceparent", caller::traceparent),
];

/// What is fixed wherever an id, a name or a time is needed.
pub(crate) const TENANT: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const CLIENT: &str = "22222222-2222-4222-8222-222222222222";
pub(crate) const AUTHORITY: &str = "https://login.example";
pub(crate) const NOW: u64 = 1_800_000_000;

/// The first lines, and what follows them.
fn lines<const COUNT: usize>(data: &[u8]) -> [&[u8]; COUNT] {
    let mut lines = data.splitn(COUNT, |byte| *byte == b'\n');
    std::array::from_fn(|_| lines.next().unwrap_or_default())
}

/// JSON read whole. A parser that looks for some members checks neither UTF-8 nor nesting in the others, so what it takes
/// can still be none for this one.
fn json(data: &[u8]) -> Option<serde_json::Value> {
    serde_json::from_slice(data).ok()
}

/// Headers of one name, a line each; lines that no header can hold are left out.
fn headers(name: &HeaderName, lines: &[u8]) -> HeaderMap {
    let values = lines.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    values.map(|value| (name.clone(), value)).collect()
}
