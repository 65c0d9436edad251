//! How this API proves itself to Entra.
//!
//! `source` reads the credential and keeps it. `client_credential` is a secret or a `certificate`, whose fields `x509` reads.

mod x509;

mod certificate;

pub(crate) mod client_credential;

pub(crate) mod source;

#[cfg(test)]
mod tests;
