//! The store that all instances share.

pub mod sealed_entry;

pub mod shared_store;
