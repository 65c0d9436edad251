//! `profile-app`: signs a person in at Microsoft Entra ID, calls `profile-get` with their token and shows the response.
//!
//! ```text
//! /                 -> session -> API -> profile page, or back to Entra with a claims challenge, or a failure page
//! /sign-in          -> Entra -> /signin-callback -> code -> tokens -> session -> /
//! /sign-out         -> Entra -> /signed-out
//! ```
//!
//! The modules are in layers, from the foundation up; each imports only from its own layer and those above it in this
//! file. All but `component` are pure: time, randomness, settings, network and store come from a
//! [`Host`](entra_obo::host::Host), so the whole flow runs natively in tests. The app stores nothing about people: a session
//! is a sealed cookie, and the key-value store holds only digests of used sign-ins.

mod secret;

pub mod settings;

pub mod session;

mod entra;

mod api;

mod failure;

mod log_line;

mod pages;

mod context;

pub mod sign_in;

mod home;
mod photo;
mod sign_out;

pub mod instance;

pub mod app;

#[cfg(target_family = "wasm")]
mod component;
