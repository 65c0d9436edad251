//! Who calls: from the `Authorization` header to a verified caller.

pub(crate) mod token_fault;

pub(crate) mod bearer_token;
pub(crate) mod person;

pub(crate) mod unverified_token;

pub(crate) mod verified_caller;
