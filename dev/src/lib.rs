//! Harness.

pub mod application;
mod captured;
pub mod commands;
pub mod component_build;
pub mod host;
mod loopback;
pub mod progress;
pub mod real_spin;
mod run_configuration;
pub mod running;
pub mod toolchain;
pub mod workspace;
