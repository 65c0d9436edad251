//! Errors of stores.

use std::fmt::Debug;

/// Why a store operation failed, in the terms of `spin:key-value`.
#[derive(Debug)]
pub(crate) enum StoreError {
    NoSuchStore,
    Other(String),
}

impl StoreError {
    pub(super) fn other(error: impl Debug) -> Self {
        Self::Other(format!("{error:?}"))
    }
}
