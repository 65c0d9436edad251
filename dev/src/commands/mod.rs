//! What `cargo dev` can do, one file for each command.

pub mod build;
pub mod call;
pub mod check;
pub mod token;
pub mod up;
