//! The On-Behalf-Of exchange: from a verified caller to a token for a downstream API. And the client credentials grant,
//! for tokens of the application itself.
//!
//! `source` decides where a token comes from: memory, the shared store (`slots`) or Entra (`request`). `owner` says
//! whose it is. `refusal` judges Entra's refusals, by the codes of `aadsts` among others, and `refusal_record` is what the
//! store keeps of one. `downstream` is the API to call. `issued_token` is a token inside this module, `token_text` its
//! text; `tokens` has the public types, one for each kind of owner.

pub(crate) mod aadsts;
pub(crate) mod downstream;

pub(crate) mod refusal;
mod refusal_record;

pub(crate) mod issued_token;
mod owner;

mod request;
mod slots;
mod token_text;
pub(crate) mod tokens;

pub(crate) mod source;
