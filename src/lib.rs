//! `profile-get`: validates a caller's Microsoft Entra ID access token, exchanges it by the OAuth 2.0
//! On-Behalf-Of flow and answers with that person's Microsoft Graph profile.
//!
//! ```text
//! request -> bearer token -> verified caller -> Graph token -> profile -> response
//! ```
//!
//! The modules stand in the order in which a request meets them. All but `component` are pure: time, randomness,
//! settings, the network and the store are asked of a [`host::Host`], so the whole flow runs natively in tests.

pub mod host;

mod locked;

pub mod deadline;

pub mod correlation;
pub mod policy;
pub mod strict_json;

pub mod claims_challenge;

pub mod www_authenticate;

pub mod context;
pub mod event_log;

pub mod upstream;

pub mod store;

pub mod credential;
pub mod settings;

pub mod caller;
pub mod keys;

pub mod exchange;

pub mod refusal;

pub mod protected_api;

pub mod api_settings;
pub mod graph;

pub mod cors;
pub mod error;
pub mod response;

pub mod log_line;
pub mod problem;

pub mod instance;

pub mod flow;

pub mod api;

#[cfg(target_family = "wasm")]
mod component;
