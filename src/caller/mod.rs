//! Who calls: from the `Authorization` header to a verified caller.

pub mod token_fault;

pub mod bearer_token;
pub mod person;

pub mod unverified_token;

pub mod verified_caller;
