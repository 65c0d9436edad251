//! `profile-get`: validates a caller's Microsoft Entra ID access token, exchanges it by the OAuth 2.0
//! On-Behalf-Of flow and answers with that person's Microsoft Graph profile.
//!
//! ```text
//! request -> bearer token -> verified caller -> Graph token -> profile -> response
//! ```
//!
//! The modules stand in the order in which a request meets them. All but `component` are pure: time, randomness,
//! settings, the network and the store are asked of a [`host::Host`], so the whole flow runs natively in tests.

#[cfg(target_family = "wasm")]
mod component;

pub mod host;
pub mod instance;

pub mod api;
pub mod correlation;
pub mod cors;

pub mod settings;
pub mod settings_source;

pub mod strict_json;

pub mod caller;
pub mod credential;
pub mod exchange;
pub mod graph;
pub mod keys;

pub mod profile;

pub mod refusal;
pub mod response;

pub mod log_line;

pub mod store;
pub mod upstream;
