//! The On-Behalf-Of exchange: a verified caller to a token for a downstream API.

pub mod refusal;
pub mod slots;
pub mod source;
pub mod token;
