//! Microsoft Graph: what is requested, and what its responses mean.
//!
//! `resource` makes the requests and judges the responses, `select` checks the caller's query, `streams` limits the photos
//! that are being sent.

pub(crate) mod select;
pub(crate) mod streams;

pub(crate) mod resource;
