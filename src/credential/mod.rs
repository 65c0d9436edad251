//! How this API proves itself to Entra.

pub mod client_credential;
pub mod source;
