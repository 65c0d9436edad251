//! The harness of profile-get: what `cargo dev` starts, and what tests it end to end.
//!
//! Whoever comes here for the first time needs two rooms:
//!
//! - [`commands`]: `cargo dev up`, `call`, `token`, `deep`, `record`, one file for each;
//! - [`run`]: what they start, and how it is configured.
//!
//! The others can be left closed until something in them has to change:
//!
//! - [`real_spin`]: the `spin` that is installed on this machine, as an alternative to the embedded host;
//! - [`deep`]: the deep check: hostile requests, broken upstreams, a soak, a search for secrets;
//! - [`record`]: recording a real tenant's answers, for the emulated one to be compared with;
//! - [`loopback`], [`usage`]: an HTTP client for this machine, and what a process costs.
//!
//! Crates of their own, in folders next to this one, are the command `cargo dev` itself with the toolchain and the supply
//! chain (`cli`), the emulated tenant (`tenant`), the embedded host (`host`) and the measurements (`bench`). Each may use
//! those before it here; none uses this one but `bench`.

pub mod loopback;
pub mod usage;

pub mod real_spin;

pub mod run;

pub mod deep;
pub mod record;

pub mod commands;
