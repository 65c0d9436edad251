//! The On-Behalf-Of exchange: a verified caller to a token for a downstream API.

pub mod aadsts;
pub mod downstream;

pub mod refusal;

pub mod downstream_token;

pub mod slots;

pub mod source;
