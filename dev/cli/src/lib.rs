//! The command `cargo dev`: its arguments, and everything that needs no WebAssembly runtime.
//!
//! It builds in seconds. The harness, the bench and the embedded host take minutes to build, so [`handover`] builds them,
//! together with the components, only for the commands that need them.
//!
//! - [`commands`]: one file for each command, with its arguments;
//! - [`component`]: builds the Wasm components with the compiler that [`toolchain`] finds or prepares;
//! - [`registration`]: the app registrations in a real tenant;
//! - [`supply_chain`]: reproducible builds and the bill of materials;
//! - [`simulation`]: a fleet, simulated;
//! - [`spin_program`]: the `spin` that is installed on this machine; [`runner`]: that or the embedded host;
//! - [`npm_and_pip`]: packages for programs in other languages;
//! - [`programs`], [`progress`], [`workspace`]: running other programs, showing progress, paths.

pub mod workspace;

pub mod programs;
pub mod progress;

mod cargo_build;
pub mod npm_and_pip;
pub mod runner;
pub mod spin_program;
pub mod toolchain;

pub mod component;

pub mod handover;
pub mod registration;
pub mod simulation;
pub mod supply_chain;

pub mod commands;
