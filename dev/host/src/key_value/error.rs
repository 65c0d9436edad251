//! Why a store gave no answer.

use std::fmt::Debug;

/// Why a store gave no answer, in the words of `spin:key-value`.
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
