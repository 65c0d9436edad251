//! Microsoft Graph: what is requested, and what its responses mean.

pub(crate) mod select;
pub(crate) mod streams;

pub(crate) mod resource;

pub(crate) mod held_back;
