//! The harness of profile-get: what `cargo dev` starts, and the end-to-end tests.
//!
//! Newcomers need two of its modules:
//!
//! - [`commands`]: `cargo dev up`, `call`, `token`, `deep`, `record`, one file for each;
//! - [`run`]: what they start, and how it is configured.
//!
//! The others matter only to those who change them:
//!
//! - [`deep`]: the deep check: hostile requests, broken upstreams, a soak, a search for secrets;
//! - [`record`]: records a real tenant's answers, to compare the emulated tenant with them;
//! - [`bound_command`], [`loopback`], [`usage`]: child processes, an HTTP client for this machine, the CPU and memory
//!   of a process.
//!
//! The folders `cli` (the command `cargo dev`, the toolchain, the supply chain), `tenant` (the emulated tenant), `host`
//! (the embedded host) and `bench` (the measurements) are crates of their own. This crate uses the first two, and runs the
//! program of the third; `bench` uses this one.

pub mod bound_command;
pub mod loopback;
pub mod usage;

pub mod run;

pub mod deep;
pub mod record;

pub mod commands;
