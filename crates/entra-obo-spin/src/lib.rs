//! Spin as a host of `entra-obo`: the clock, randomness, variables, the key-value store, outbound HTTP, and the component's
//! own requests and responses.
//!
//! A component exports [`spin_sdk`]'s WASI 0.3 handler and calls [`serve`]:
//!
//! ```ignore
//! async fn handle(request: Request) -> Result<Response, ErrorCode> {
//!     entra_obo_spin::serve(request, &HEADERS_READ, async |head| answer(&Spin, &head).await).await
//! }
//! ```
//!
//! Everything here uses WASI's own types. The SDK's conversions call the host twice as often, and `#[http_service]`
//! answers a request that it cannot convert (two `Content-Length` headers, for example) with an empty 500.
//!
//! The crate is empty unless it is compiled to WebAssembly.

#![cfg(target_family = "wasm")]

mod fault;
mod headers;

mod body;

mod host;
mod serve;

pub use crate::{body::IncomingBody, host::Spin, serve::serve};
