//! The HTTP client for what runs on this machine.

use anyhow::{Context, Result};
use reqwest::Client;

/// A client that asks no proxy, follows no redirect and speaks no TLS.
///
/// # Errors
/// When the system lets no client be made.
pub fn client() -> Result<Client> {
    let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.build().context("the HTTP client")
}
