//! Signing in: to Entra and back, once for each sign-in.

pub(crate) mod begin;
pub(crate) mod callback;
pub(crate) mod pending;
pub mod used_sign_ins;
