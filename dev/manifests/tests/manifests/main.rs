//! The manifests of `deploy/`, checked as far as that goes without a cluster.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod python;
mod rendered;

mod bicep;
mod built_in_kinds;
mod consistency;
mod container_apps;
mod custom_resources;
mod restricted;
mod snapshots;
