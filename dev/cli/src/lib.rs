//! The command `cargo dev`: what it can be asked for, and all of it that needs no WebAssembly runtime.
//!
//! It builds in seconds. The harness and the measurements take minutes, so [`handover`] builds their programs when a command
//! needs them, together with the components, and becomes them.
//!
//! - [`commands`]: one file for each command, with its arguments;
//! - [`component`]: builds the Wasm components, by the compiler that [`toolchain`] finds or makes;
//! - [`supply_chain`]: reproducible builds and the bill of materials;
//! - [`programs`], [`progress`], [`workspace`]: other programs, what long steps show, where things are.

pub mod workspace;

pub mod programs;
pub mod progress;

mod cargo_build;
pub mod toolchain;

pub mod component;

pub mod handover;
pub mod supply_chain;

pub mod commands;
