//! The store that all instances share.
//!
//! `shared_store` keeps it from delaying requests, `sealed_entry` encrypts what is kept in it.

pub mod sealed_entry;

pub(crate) mod shared_store;
