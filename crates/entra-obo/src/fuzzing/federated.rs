//! Tokens of other issuers: as a file holds them, and as the endpoint of managed identities sends them.

use bytes::Bytes;
use http::{Response, StatusCode, header::RETRY_AFTER};

use super::input::{NOW, headers, json, lines};
use crate::{
    credential::{
        federated_token::{FederatedToken, MAX_BYTES, Provider},
        managed_identity::ManagedIdentity,
    },
    host::UnixTime,
};

/// What a file holds.
pub(super) fn token(data: &[u8]) {
    if let Ok(token) = FederatedToken::parse(data, Provider::File) {
        is_sendable(&token, data);
    }
}

/// A status, `Retry-After` and a body, as App Service and as the metadata of machines send them.
pub(super) fn identity_answer(data: &[u8]) {
    let [status, wait, body] = lines(data);
    let Ok(status) = StatusCode::from_bytes(status) else { return };
    let mut response = Response::new(Bytes::copy_from_slice(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers(&RETRY_AFTER, wait);
    let endpoint = "http://127.0.0.1";
    for identity in [
        ManagedIdentity::of_machine(endpoint),
        ManagedIdentity::of_app(endpoint, http::HeaderValue::from_static("header")),
    ] {
        match identity.parse(&response, UnixTime(NOW)) {
            Ok((token, life)) => {
                assert!(status == StatusCode::OK && life.as_secs() <= 24 * 3600);
                let body = json(body).unwrap();
                is_sendable(&token, body["access_token"].as_str().unwrap().as_bytes());
            }
            Err(fault) => {
                let words = fault.to_string();
                assert!(words.len() <= 400 && words.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{words}");
            }
        }
    }
}

fn is_sendable(token: &FederatedToken, source: &[u8]) {
    let text = token.as_str();
    assert_eq!(text.as_bytes(), source.trim_ascii());
    assert!(text.len() <= MAX_BYTES && text.split('.').count() == 3);
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')));
    assert!(!format!("{token:?}").contains(text));
}
