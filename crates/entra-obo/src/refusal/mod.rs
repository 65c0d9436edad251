//! Why there is no answer, and what the caller learns of it.

pub(crate) mod bearer_challenge;
pub mod problem_type;

pub(crate) mod problem;

#[expect(clippy::module_inception, reason = "the folder is about it")]
pub(crate) mod refusal;
