//! The On-Behalf-Of exchange: from a verified caller to a token for a downstream API.

pub(crate) mod aadsts;
pub(crate) mod downstream;

pub(crate) mod refusal;

pub(crate) mod downstream_token;

pub(crate) mod slots;

pub(crate) mod source;
