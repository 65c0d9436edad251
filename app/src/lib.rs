//! `profile-app`: signs a person in at Microsoft Entra ID, calls `profile-get` with their token and shows what comes back.
//!
//! ```text
//! /                 -> session -> API -> profile page, or back to Entra with a claims challenge, or a failure's page
//! /sign-in          -> Entra -> /signin-callback -> code -> tokens -> session -> /
//! /sign-out         -> Entra -> /signed-out
//! ```
//!
//! The modules stand in the order in which a request meets them. All but `component` are pure: time, randomness,
//! settings, network and store are asked of a [`host::Host`], so the whole flow runs natively in tests. The app remembers
//! nobody: a session is in its browser's cookie, sealed. The store holds digests of finished sign-ins and nothing else.

#[cfg(target_family = "wasm")]
mod component;

pub mod host;
pub mod instance;

pub mod app;

pub mod secret;
pub mod settings;
pub mod web_origin;

pub mod cookies;
pub mod sealed;
pub mod session;

pub mod home;
pub mod photo;

pub mod callback;
pub mod code_redemption;
pub mod entra_refusal;
pub mod id_token;
pub mod jwt_claims;
pub mod sign_in;
pub mod sign_out;
pub mod used_sign_ins;

pub mod api_call;
pub mod api_problem;
pub mod server_timing;

pub mod initials;
pub mod journey;
pub mod profile_card;
pub mod token_claims;
pub mod words;

pub mod failure;
pub mod failure_page;
pub mod pages;
pub mod response;

pub mod log_line;
