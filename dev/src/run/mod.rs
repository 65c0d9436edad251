//! What commands and tests start, and the configuration that is derived for it.
//!
//! - `api`, `sign_in_app`, `guarded_app`: one Spin application each, configured for an emulated tenant;
//! - `native_server`: the API as a native program;
//! - `runner`: what serves an application, the real Spin or the embedded host, with the same `options`; `server`: a running
//!   one, its `process`, its `log`, and the `control` of the embedded host;
//! - `manifest`, `runtime_config`: the project's own files, changed for a run; `directory`: the folder of a run;
//! - `announcement`: where `cargo dev up` is serving, for the other commands;
//! - `redis`, `registry`: a Redis server and a registry of images for runs that need one; `loopback_server`: what they have
//!   in common.

mod announcement;
mod api;
mod control;
mod directory;
mod guarded_app;
mod log;
mod loopback_server;
pub mod manifest;
mod native_server;
mod options;
mod process;
mod redis;
mod registry;
mod runner;
pub mod runtime_config;
mod server;
mod sign_in_app;

pub use cargo_dev::runner::Runner;

pub use self::{
    announcement::{Announcement, Running, find_running},
    api::{Api, ApiOptions},
    control::{Control, Memory},
    directory::RunDirectory,
    guarded_app::{Example, GuardedApp, GuardedAppOptions},
    log::LogSink,
    native_server::native_server,
    options::{HostOptions, InstanceReuse},
    redis::Redis,
    registry::Registry,
    runner::AvailableRunner,
    server::Server,
    sign_in_app::{SignInApp, SignInAppOptions},
};
