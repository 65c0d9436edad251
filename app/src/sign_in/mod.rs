//! Signing in: to Entra and back.

pub mod callback;
pub mod pending;
pub mod used_sign_ins;
