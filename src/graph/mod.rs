//! Microsoft Graph: what is asked for, and what its answers mean.

pub mod request;
pub mod select;
pub mod streams;
