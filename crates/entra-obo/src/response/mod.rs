//! What callers receive in place of what they requested: a problem document (RFC 9457) and its headers.
//!
//! `problem_type` is the table of problems, `bearer_challenge` the header `WWW-Authenticate`, `problem` joins them to a
//! response. `outage` has the problems of services and settings that fail.

pub(crate) mod bearer_challenge;
pub mod problem_type;

pub(crate) mod problem;

pub(crate) mod outage;
