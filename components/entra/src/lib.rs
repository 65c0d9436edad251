//! `entra`: Microsoft Entra ID for a Spin app of any language.
//!
//! As a gateway it owns the app's public route: it admits callers whom the policy admits, and forwards their requests to a
//! component that cannot be reached in any other way. As a sidecar it answers the app's own requests at
//! `http://entra.spin.internal`, with the paths and formats of the Microsoft Entra ID Auth SDK.
//!
//! ```text
//! from outside:    request -> path -> bearer token -> verified caller -> headers -> upstream
//! from the app:    request -> bearer token -> verified caller -> downstream token -> response
//! ```
//!
//! The modules are listed from the foundation up: each imports from those above it. Only `component` knows Spin; everything
//! else runs natively in tests.

mod settings;

mod error;
mod path;

mod log_line;
mod principal;
mod problem;
mod response;
mod streamed;
mod upload;

mod instance;

mod gateway;
mod sidecar;

mod api;

#[cfg(target_family = "wasm")]
mod component;

#[cfg(feature = "fuzzing")]
pub mod fuzzing;

pub use crate::{api::answer, instance::Instance, problem::PROBLEM_TYPES, streamed::Streamed};
