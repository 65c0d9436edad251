//! Calls to other services: with time limits and size limits, made once for many, and not repeated too soon after a failure.
//!
//! `call` makes one call, `single_flight` lets one request make it for many, `back_off` decides when something is fetched
//! again, `held_back` for whom no new token is fetched.

pub mod back_off;
pub mod call;
pub(crate) mod held_back;
pub mod single_flight;
