//! A whole request to the API, on a host that serves Entra's keys and nothing else.

use entra_obo::{
    fuzzing::{Host, headers, lines},
    toolkit::TRACEPARENT,
};
use futures::executor::block_on;
use http::{HeaderValue, Method, StatusCode, header};
use profile_get::{Body, Instance, RequestHead};
use serde_json::Value;

/// Method, path and query, `Authorization`, `Origin`, `If-None-Match` and `traceparent`, a line each.
pub(crate) fn request(data: &[u8]) {
    let [method, target, authorization, origin, tag, trace] = lines(data);
    let mut all = headers(&header::AUTHORIZATION, authorization);
    for (name, value) in [(header::ORIGIN, origin), (header::IF_NONE_MATCH, tag), (TRACEPARENT, trace)] {
        if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_bytes(value)) {
            all.insert(name, value);
        }
    }
    let head = RequestHead {
        authority: None,
        method: Method::from_bytes(method).unwrap_or(Method::GET),
        target: String::from_utf8_lossy(target).into_owned(),
        headers: all,
    };
    let answer = block_on(profile_get::answer(&Instance::default(), &Host, &head));
    let (head, body) = answer.into_parts();
    let Body::Whole(body) = body else { panic!("somebody's data") };
    assert!(matches!(head.status.as_u16(), 204 | 400..=499), "{}", head.status);
    assert!(head.headers.values().all(|value| value.to_str().is_ok_and(|text| text.len() <= 1024)), "{head:?}");
    if head.status != StatusCode::NO_CONTENT {
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["status"], head.status.as_u16());
        assert!(body.len() <= 4096);
    }
    assert_eq!(head.status == StatusCode::UNAUTHORIZED, head.headers.contains_key(header::WWW_AUTHENTICATE));
}
