//! Fuzz targets for everything that parses what strangers or upstreams wrote, with properties that hold for any bytes.
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
mod rsa_signature;

use std::sync::LazyLock;

pub use entra_obo::fuzzing::Target;

/// All targets, by the names of their corpora.
pub static TARGETS: LazyLock<Vec<(&str, Target)>> = LazyLock::new(|| {
    let own: [(&str, Target); 5] = [
        ("api_request", api::request),
        ("app_cookies", app::cookies),
        ("app_request", app::request),
        ("app_sign_in", app::sign_in),
        ("rsa_signature", rsa_signature::rsa_signature),
    ];
    [&own[..], &entra_obo::fuzzing::TARGETS, &entra::fuzzing::TARGETS, &profile_get::fuzzing::TARGETS].concat()
});
