//! What `cargo dev register` sends to Microsoft Graph and to a key vault, and how.
//!
//! The modules below are in layers, from the foundation up; each may use those above it.

pub(crate) mod azure_cli;
mod curl;
mod difference;
pub(crate) mod refusal;
pub(crate) mod session;
pub(crate) mod vault;

pub(crate) mod application;
pub(crate) mod service_principal;

pub(crate) mod consent;
pub(crate) mod credential;
pub(crate) mod removal;

pub(crate) mod runtime_config;

use std::ffi::OsString;

/// The programs that do what this one leaves to others: `az` signs in, `curl` speaks HTTPS.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The Azure CLI.
    pub az: OsString,
    /// curl.
    pub curl: OsString,
}

impl Default for Tools {
    fn default() -> Self {
        Self { az: "az".into(), curl: "curl".into() }
    }
}
