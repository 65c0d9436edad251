//! `profile-get`: validates a caller's Microsoft Entra ID access token, exchanges it by the OAuth 2.0 On-Behalf-Of flow and
//! answers with that person's Microsoft Graph profile.
//!
//! ```text
//! request -> bearer token -> verified caller -> Graph token -> profile -> response
//! ```
//!
//! Validation and exchange are those of the crate `entra-obo`. The modules are listed from the foundation up: each imports
//! from those above it. Only `component` knows Spin; everything else runs natively in tests.

mod graph;
mod settings;

mod error;
mod response;

mod log_line;
mod problem;

mod readiness;

mod instance;

mod flow;

mod api;

#[cfg(target_family = "wasm")]
mod component;

#[cfg(feature = "fuzzing")]
pub mod fuzzing;

pub use entra_obo::toolkit::RequestHead;

pub use crate::{
    api::{HEADERS_READ, answer},
    instance::Instance,
    problem::PROBLEM_TYPES,
    response::Body,
};
