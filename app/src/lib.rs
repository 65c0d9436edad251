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

pub mod host;
pub mod secret;

pub mod settings;

pub mod session;

pub mod entra;

pub mod api;

pub mod failure;

pub mod log_line;

pub mod pages;

pub mod sign_in;

pub mod home;
pub mod photo;
pub mod sign_out;

pub mod instance;

pub mod app;

#[cfg(target_family = "wasm")]
mod component;
