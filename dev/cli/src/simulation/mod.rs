//! A fleet of the API, simulated: where Graph tokens come from, what that costs, and which limit is reached first.
//!
//! - [`scenario`]: people, regions and settings;
//! - [`region`]: one region, request by request, without WebAssembly or network;
//! - [`limits`], [`cost`]: what upstreams permit, and what Azure charges;
//! - [`report`]: the table of `docs/scale.md`.

mod slots;

pub mod region;
pub mod scenario;

pub mod cost;
pub mod limits;

pub mod report;
