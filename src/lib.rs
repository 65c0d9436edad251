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
pub mod query;

pub mod settings;
pub mod settings_source;

pub mod bearer_token;
pub mod strict_json;
pub mod unverified_token;

pub mod key_source;
pub mod openid_configuration;
pub mod signing_keys;

pub mod caller;

pub mod client_credential;
pub mod credential_source;

pub mod exchange_refusal;
pub mod graph_token;
pub mod token_slots;
pub mod token_source;

pub mod graph;
pub mod profile;

pub mod challenge;
pub mod error;
pub mod problem;
pub mod response;

pub mod log_line;

pub mod back_off;
pub mod sealed_entry;
pub mod shared_store;
pub mod single_flight;
pub mod streams;
pub mod upstream;
