//! Harness.

pub mod application;
mod bench;
mod captured;
pub mod commands;
pub mod component_build;
pub mod deep;
pub mod host;
mod loopback;
pub mod progress;
pub mod real_spin;
pub mod record;
mod redis;
mod run_configuration;
mod run_directory;
mod run_manifest;
pub mod running;
mod server;
pub mod sign_in_app;
pub mod supply_chain;
pub mod toolchain;
mod usage;
pub mod workspace;
