//! Where a store's entries live.

use std::path::PathBuf;

use anyhow::{Context, Result};
use redis::IntoConnectionInfo;

/// Where a store's entries live.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StoreSettings {
    /// SQLite: a file, or in memory if there is no path.
    Sqlite(Option<PathBuf>),
    /// A Redis database, by its URL.
    Redis(String),
}

impl StoreSettings {
    /// Settings for the database at `url`, `redis://[[user]:password@]host[:port][/database]`.
    pub(crate) fn redis(url: &str) -> Result<Self> {
        url.into_connection_info().context("must be a Redis URL, such as redis://127.0.0.1:6379/0")?;
        Ok(Self::Redis(url.to_owned()))
    }
}
