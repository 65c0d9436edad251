//! The On-Behalf-Of exchange: from a verified caller to a token for a downstream API.
//!
//! `source` decides where a token comes from: memory, the shared store (`slots`) or an exchange (`downstream_token`).
//! `refusal` judges Entra's refusals, by the codes of `aadsts` among others. `downstream` is the API to call.

pub(crate) mod aadsts;
pub(crate) mod downstream;

pub(crate) mod refusal;

pub(crate) mod downstream_token;

pub(crate) mod slots;

pub(crate) mod source;
