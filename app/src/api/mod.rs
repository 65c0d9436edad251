//! The API, known by its answers.

pub(crate) mod call;
pub(crate) mod problem;
pub(crate) mod server_timing;
