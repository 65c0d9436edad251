//! How this API proves itself to Entra.

mod x509;

mod certificate;

pub(crate) mod client_credential;

pub(crate) mod source;

#[cfg(test)]
mod tests;
