//! The HTTP client for servers on this machine.

use anyhow::{Context, Result};
use reqwest::Client;

/// A client without proxies, redirects and TLS.
///
/// # Errors
/// If the client cannot be created.
pub fn client() -> Result<Client> {
    let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.build().context("the HTTP client")
}
