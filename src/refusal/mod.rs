//! Why there is no answer, and what the caller learns of it.

pub mod challenge;
pub mod error;
pub mod problem;
