//! The response of a downstream API, as one JSON document.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Response, StatusCode, header, response::Parts};
use serde::Serialize;

use entra_obo::toolkit::Body;

use crate::{response, streamed::Streamed};

#[derive(Serialize)]
struct DownstreamResult<'a> {
    #[serde(rename = "statusCode")]
    status_code: u16,
    headers: BTreeMap<&'a str, Vec<String>>,
    content: Option<&'a str>,
    /// The last member, so that the document can be sent while its content arrives. Microsoft's sidecar has no such member.
    #[serde(rename = "contentBase64", skip_serializing_if = "Option::is_none")]
    content_base64: Option<String>,
}

/// What follows the content of a document whose last member is `contentBase64`.
const END: &str = "\"}";

/// The document of a response. Content that is not text, that has many control characters, or that is not held whole, is in
/// base64.
pub(super) fn document<B>(head: &Parts, content: Body<B>) -> Response<Body<Streamed<B>>> {
    let mut headers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in &head.headers {
        headers.entry(name.as_str()).or_default().push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    let result = DownstreamResult { status_code: head.status.as_u16(), headers, content: None, content_base64: None };
    match content {
        Body::Whole(bytes) => {
            let text = std::str::from_utf8(&bytes).ok().filter(|text| is_short_in_json(text));
            let content = text.filter(|text| !text.is_empty());
            let content_base64 = text.is_none().then(|| STANDARD.encode(&bytes));
            response::json(&DownstreamResult { content, content_base64, ..result })
        }
        Body::Streamed(begun, rest, ()) => {
            let result = DownstreamResult { content_base64: Some(String::new()), ..result };
            let mut document = serde_json::to_vec(&result).unwrap_or_default();
            document.truncate(document.len().saturating_sub(END.len()));
            let mut response = response::empty(StatusCode::OK);
            response.headers_mut().insert(header::CONTENT_TYPE, response::JSON);
            response.map(|_: Body<Streamed<B>>| {
                Body::Streamed(document.into(), Streamed::in_document(begun, rest, END), ())
            })
        }
    }
}

/// Whether a text at most doubles in length as a JSON string, as a text of quotation marks does. A text of control
/// characters would become six times as long: 24 MiB of an instance's memory. As base64 it becomes longer by a third.
fn is_short_in_json(text: &str) -> bool {
    let longer = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        0..0x20 => "\\u0000".len().saturating_sub(1),
        _ => 0,
    };
    text.bytes().map(longer).fold(0, usize::saturating_add) <= text.len()
}
