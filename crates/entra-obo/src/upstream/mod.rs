//! Calls to other services: with time limits and size limits, made once for many, and left alone while they fail.

pub mod back_off;
pub mod call;
pub mod single_flight;
