//! The machine that an API runs on: what the core needs from it, and a host for native programs.
//!
//! Components on Spin use the crate `entra-obo-spin`.

mod interface;

#[cfg(feature = "native")]
mod native;

pub use self::interface::{
    Host, MaybeSend, MaybeSync, SendFault, StoreFault, UnixTime, UpstreamBody, VariableUnavailable,
};
#[cfg(feature = "native")]
pub use self::native::{NativeBody, NativeHost};
