//! Calls to other services, and when they are made again.

pub mod back_off;
pub mod call;
pub mod single_flight;
