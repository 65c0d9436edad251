#![doc = include_str!("../README.md")]
#![cfg(target_family = "wasm")]

mod fault;
mod headers;

mod body;

mod host;
mod serve;

pub use crate::{
    body::{IncomingBody, StreamLimits},
    host::Spin,
    serve::{serve, serve_whole},
};
