//! Fuzz targets for everything in this crate that parses what strangers or upstreams wrote, with properties that hold
//! for any bytes.
//!
//! Each target is a function of bytes that panics where a property does not hold. The package `profile-get-fuzz` drives
//! them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a target fails by panicking"
)]

mod input;

mod host;

mod caller;
mod challenge;
mod credential;
mod exchange;
mod federated;
mod keys;
mod sealed;

pub use self::{
    challenge::is_claims,
    host::{Host, OneBody},
    input::{AUTHORITY, CLIENT, NOW, TENANT, headers, json, lines},
};

/// Panics where the bytes break a property.
pub type Target = fn(&[u8]);

/// All targets, by the names of their corpora.
pub const TARGETS: [(&str, Target); 14] = [
    ("bearer_token", caller::bearer_token),
    ("challenge", challenge::challenge),
    ("client_credential", credential::client_credential),
    ("federated_token", federated::token),
    ("identity_answer", federated::identity_answer),
    ("jwt", caller::jwt),
    ("key_set", keys::key_set),
    ("openid_configuration", keys::openid_configuration),
    ("retry_after", exchange::retry_after),
    ("sealed_entry", sealed::sealed_entry),
    ("strict_json", caller::strict_json),
    ("token_answer", exchange::token_answer),
    ("token_error", exchange::token_error),
    ("traceparent", caller::traceparent),
];
