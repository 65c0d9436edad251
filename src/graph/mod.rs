//! Microsoft Graph: what is requested, and what its responses mean.

pub mod select;
pub mod streams;

pub mod resource;

pub mod held_back;
