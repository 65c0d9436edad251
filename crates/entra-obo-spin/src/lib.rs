#![doc = include_str!("../README.md")]
#![cfg(target_family = "wasm")]

mod companion;
mod fault;
mod headers;
mod scheduling;

mod handover;

mod body;

mod host;
mod serve;

pub use crate::{
    body::{IncomingBody, StreamLimits},
    host::Spin,
    serve::{serve, serve_whole},
};
