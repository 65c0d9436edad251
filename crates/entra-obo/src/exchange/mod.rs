//! The On-Behalf-Of exchange: from a verified caller to a token for a downstream API. And client credentials, which give the
//! application a token of its own.
//!
//! `source` decides where a token comes from: memory, the shared store (`slots`) or Entra (`request`). `owner` is whose it
//! is. `refusal` judges Entra's refusals, by the codes of `aadsts` among others. `downstream` is the API to call. Inside, a
//! token is an `issued_token`; outside, `tokens` have a type for each kind of owner.

pub(crate) mod aadsts;
pub(crate) mod downstream;

pub(crate) mod refusal;

pub(crate) mod issued_token;
mod owner;

mod request;
mod slots;
pub(crate) mod tokens;

pub(crate) mod source;
