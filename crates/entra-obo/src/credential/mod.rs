//! How this API proves itself to Entra.
//!
//! `client_authentication` says where the credential comes from: `secret_variable`, `token_file` or `managed_identity`.
//! `source` loads it and keeps it. `client_credential` is a secret, a `certificate`, whose fields `x509` reads, or a
//! `federated_token`.

mod x509;

mod certificate;
pub(crate) mod federated_token;

pub(crate) mod client_credential;
pub(crate) mod fault;

pub(crate) mod managed_identity;
mod secret_variable;
pub(crate) mod token_file;

pub(crate) mod client_authentication;

pub(crate) mod source;

#[cfg(test)]
mod tests;
