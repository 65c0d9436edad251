//! Why there is no answer, and what the caller learns of it.

pub mod bearer_challenge;
pub mod problem_type;

pub mod problem;

#[expect(clippy::module_inception, reason = "the folder is about it")]
pub mod refusal;
