//! Fuzz targets for everything in this API that parses what strangers or Graph wrote, with properties that hold for any
//! bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a target fails by panicking"
)]

use entra_obo::{
    fuzzing::{NOW, Target, headers, is_claims, json, lines},
    host::UnixTime,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};

use crate::graph::{
    resource::{GraphMeaning, GraphRefusal, Resource},
    select::Select,
};

/// All targets, by the names of their corpora.
pub const TARGETS: [(&str, Target); 2] = [("graph_error", graph_error), ("select", select)];

/// A query.
pub(super) fn select(data: &[u8]) {
    let query = String::from_utf8_lossy(data);
    let Ok(Some(select)) = Select::parse(Some(&query)) else { return };
    let text = select.as_str();
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_,".contains(&byte)), "{text}");
    assert!(text.len() <= 16 * 1024);
    assert_eq!(form_urlencoded::parse(query.as_bytes()).count(), 1);
    assert_eq!(Select::parse(Some(&format!("$select={text}"))), Ok(Some(select)));
}

/// A status, Graph's id of the request, `Retry-After`, `WWW-Authenticate` and a body.
fn graph_error(data: &[u8]) {
    let [status, id, wait, challenge, body] = lines(data);
    let Ok(status) = StatusCode::from_bytes(status) else { return };
    let mut all = headers(&WWW_AUTHENTICATE, challenge);
    all.extend(headers(&RETRY_AFTER, wait));
    add(&mut all, "request-id", id);
    for resource in [Resource::Profile(None), Resource::Photo(None)] {
        refusal(&GraphRefusal::parse(&resource, status, &all, body, UnixTime(NOW)), body);
    }
}

fn refusal(refusal: &GraphRefusal, body: &[u8]) {
    for word in [&refusal.graph_code, &refusal.graph_request_id].into_iter().flatten() {
        assert!((1..=100).contains(&word.len()));
        assert!(word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)), "{word}");
    }
    if let (Some(code), Some(body)) = (&refusal.graph_code, json(body)) {
        assert_eq!(body["error"]["code"], code.as_str());
    }
    if let GraphMeaning::ClaimsChallenge(claims) = &refusal.meaning {
        is_claims(claims);
    }
}

fn add(headers: &mut HeaderMap, name: &'static str, value: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}
