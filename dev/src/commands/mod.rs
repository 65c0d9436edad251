//! The commands of `cargo dev` that start a host or a tenant, one file for each. `cargo_dev::commands` has their
//! arguments.

pub mod call;
pub mod deep;
pub mod env;
pub mod record;
pub mod token;
pub mod up;
