//! Requests as received and answers as sent, the same for all three services.

use std::{error, fmt};

use h2::Reason;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame};
use serde_json::Value;

/// The body of an answer. Its error ends the stream, or without HTTP/2 the connection, in the middle of the body.
pub(crate) type ResponseBody = UnsyncBoxBody<Bytes, Broken>;

/// The response ends here. hyper resets an HTTP/2 stream with the code of the source, if there is one.
#[derive(Debug)]
pub(crate) struct Broken(Option<h2::Error>);

impl Broken {
    pub(crate) fn connection() -> Self {
        Self(None)
    }

    pub(crate) fn stream(reason: Reason) -> Self {
        Self(Some(reason.into()))
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted by a fault")
    }
}

impl error::Error for Broken {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0.as_ref().map(|error| -> &(dyn error::Error + 'static) { error })
    }
}

/// A request that has been received whole.
pub(crate) struct IncomingRequest {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl IncomingRequest {
    /// The path without its leading slash, cut at each further slash.
    pub(crate) fn path_segments(&self) -> Vec<&str> {
        self.uri.path().trim_start_matches('/').split('/').collect()
    }

    /// The decoded pairs of the query.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        decode_pairs(self.uri.query().unwrap_or_default().as_bytes())
    }

    /// A header's value, if it is present once and is visible ASCII.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }

    /// The decoded pairs of the body, if its type is `application/x-www-form-urlencoded`.
    pub(crate) fn form(&self) -> Option<Vec<(String, String)>> {
        let media_type = self.header("content-type")?.split(';').next()?;
        media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded").then(|| decode_pairs(&self.body))
    }

    /// The token of an `Authorization: Bearer` header.
    pub(crate) fn bearer_token(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    }
}

fn decode_pairs(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// An answer whose body has a known length.
pub(crate) fn response(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<ResponseBody> {
    let mut response = Response::new(Full::new(body.into()).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A JSON answer whose body has a known length.
pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response<ResponseBody> {
    response(status, "application/json; charset=utf-8", body.to_string())
}

/// Status 204.
pub(crate) fn no_content() -> Response<ResponseBody> {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// No body.
fn empty() -> ResponseBody {
    Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync()
}

/// Sends the body in chunks of unknown total length.
pub(crate) fn chunked(body: impl Into<Bytes>) -> ResponseBody {
    let frame = Ok(Frame::data(body.into()));
    StreamBody::new(futures_util::stream::iter([frame])).boxed_unsync()
}

/// Sets a header. Invalid values are left out; every caller passes visible ASCII.
pub(crate) fn set_header(response: &mut Response<ResponseBody>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
