//! The API, known by its answers.

pub mod call;
pub mod problem;
pub mod server_timing;
