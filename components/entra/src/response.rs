//! Responses that this component makes itself.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use entra_obo::toolkit::Body;

/// The media type of JSON (RFC 8259 section 11).
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A JSON document about one person. It must not be cached.
#[must_use]
pub(crate) fn json<B>(document: &impl Serialize) -> Response<Body<B>> {
    let bytes = Bytes::from(serde_json::to_vec(document).unwrap_or_default());
    let length = HeaderValue::from(bytes.len());
    let mut response = empty(StatusCode::OK);
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    response.map(|_: Body<B>| Body::Whole(bytes))
}

/// A response without content.
#[must_use]
pub(crate) fn empty<B>(status: StatusCode) -> Response<Body<B>> {
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
