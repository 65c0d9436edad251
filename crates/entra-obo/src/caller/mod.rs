//! Who calls: from the `Authorization` header to a verified caller.
//!
//! `bearer_token` takes the token from the header, `unverified_token` decodes it, `verified_caller` judges its claims and
//! verifies its signature. `token_fault` says what can be wrong with it, `person` whose requests are counted together.

pub(crate) mod token_fault;

pub(crate) mod bearer_token;
pub(crate) mod person;

pub(crate) mod unverified_token;

pub(crate) mod verified_caller;
