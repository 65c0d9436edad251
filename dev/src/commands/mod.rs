//! What `cargo dev` can do, one file for each command.

pub mod bench;
pub mod build;
pub mod call;
pub mod check;
pub mod deep;
pub mod fuzz;
pub mod record;
pub mod reproduce;
pub mod sbom;
pub mod serve_host;
pub mod token;
pub mod up;
