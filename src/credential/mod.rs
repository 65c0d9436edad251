//! How this API proves itself to Entra.

mod x509;

mod certificate;

pub mod client_credential;

pub mod source;

#[cfg(test)]
mod tests;
