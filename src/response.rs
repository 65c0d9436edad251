//! What goes back to the caller, before the host writes it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use entra_obo::toolkit::Reading;

use crate::graph::streams::{StreamPermit, TooManyStreams};

/// A response's body. Of a streamed one, the permission to stream it is kept until its end.
pub type Body<B> = entra_obo::toolkit::Body<B, StreamPermit>;

/// Graph's headers that mean something to the caller.
const PASSED_ON: [HeaderName; 2] = [header::CONTENT_TYPE, header::ETAG];

/// Longer values are not passed on, because a host refuses a response with headers of many kilobytes.
const MAX_PASSED_ON_BYTES: usize = 1024;

/// Graph's response, unchanged. Nobody may store it: it is one person's.
///
/// # Errors
/// If it is to be streamed and `permit` does not allow that.
pub(crate) fn of_graph<B>(
    graph: &HeaderMap,
    reading: Reading,
    rest: B,
    permit: impl FnOnce() -> Result<StreamPermit, TooManyStreams>,
) -> Result<Response<Body<B>>, TooManyStreams> {
    let body = match reading {
        Reading::Whole(bytes) => Body::Whole(bytes),
        Reading::Begun(bytes) => Body::Streamed(bytes, rest, permit()?),
    };
    let mut response = new(StatusCode::OK, body);
    let headers = response.headers_mut();
    for name in PASSED_ON {
        if let Some(value) = graph.get(&name).filter(|value| value.len() <= MAX_PASSED_ON_BYTES) {
            headers.insert(name, value.clone());
        }
    }
    // Graph adds parameters about its metadata, which say nothing to a reader of plain JSON.
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json;")) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some(length) = graph.get(header::CONTENT_LENGTH) {
        // For a streamed body. A whole one has been counted.
        headers.entry(header::CONTENT_LENGTH).or_insert_with(|| length.clone());
    }
    Ok(response)
}

/// The answer to a caller who already has what Graph sent.
#[must_use]
pub(crate) fn not_modified<B>(graph: &HeaderMap) -> Response<Body<B>> {
    let mut response = empty(StatusCode::NOT_MODIFIED);
    if let Some(tag) = graph.get(header::ETAG).filter(|tag| tag.len() <= MAX_PASSED_ON_BYTES) {
        response.headers_mut().insert(header::ETAG, tag.clone());
    }
    response
}

/// What a probe gets while this instance can serve requests, as far as is known.
#[must_use]
pub(crate) fn ready<B>() -> Response<Body<B>> {
    let mut response = new(StatusCode::OK, Body::Whole(Bytes::from_static(b"ready")));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// A response without content.
#[must_use]
pub(crate) fn empty<B>(status: StatusCode) -> Response<Body<B>> {
    new(status, Body::Whole(Bytes::new()))
}

fn new<B>(status: StatusCode, body: Body<B>) -> Response<Body<B>> {
    let length = match &body {
        // RFC 9110 section 8.6: these have none.
        Body::Whole(_) if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) => None,
        Body::Whole(bytes) => Some(HeaderValue::from(bytes.len())),
        Body::Streamed(..) => None,
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, length);
    }
    response
}
