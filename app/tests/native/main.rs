//! The whole app natively, against a scripted host: a browser's cookies on one side, Entra and the API on the other.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod scripted_host;

mod api_failures;
mod challenges;
mod pages;
mod sign_in;
mod sign_out;
mod used_sign_ins;
