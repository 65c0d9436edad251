//! The store that all instances share.

pub mod sealed_entry;

pub(crate) mod shared_store;
