//! Requests and responses, as hosts and APIs hand them to each other.

use bytes::Bytes;
use http::{HeaderMap, Method};

/// The head of a request.
#[derive(Debug)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The host that the caller addressed, and its port if that is not the scheme's default; missing where the host does not
    /// say.
    pub authority: Option<String>,
    /// Path and query.
    pub target: String,
    /// The headers that the API reads.
    pub headers: HeaderMap,
}

/// The body of a response: whole, or begun and continued as the upstream sends it.
#[derive(Debug)]
pub enum Body<B, G = ()> {
    /// All of it.
    Whole(Bytes),
    /// Its beginning, where the rest comes from, and something that is kept until the end.
    Streamed(Bytes, B, G),
}
