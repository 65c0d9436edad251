//! What callers of the API send.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, header::AUTHORIZATION};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    host::Host,
    input::{headers, lines},
};
use crate::{
    caller::{
        bearer_token::{BearerToken, MAX_TOKEN_BYTES},
        unverified_token::UnverifiedToken,
    },
    correlation::{CLIENT_REQUEST_ID, Correlation, TRACEPARENT},
    strict_json::{self, Members},
};

/// `Authorization`, a line each.
pub(super) fn bearer_token(data: &[u8]) {
    let headers = headers(&AUTHORIZATION, data);
    let Ok(token) = BearerToken::from_headers(&headers) else { return };
    assert_eq!(headers.len(), 1);
    let token = token.as_str();
    assert!((1..=MAX_TOKEN_BYTES).contains(&token.len()));
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)));
    let value = headers[AUTHORIZATION].to_str().unwrap();
    assert!(value[..6].eq_ignore_ascii_case("bearer") && value.ends_with(token));
    // What the exchange sends on is what came in.
    assert_eq!(BearerToken::from_headers(&bearer(token)).unwrap().as_str(), token);
}

/// A token as it is, or (with an empty first line) its header, its claims and its signature, a line each.
pub(super) fn jwt(data: &[u8]) {
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let text = match lines::<4>(data) {
        [b"", header, claims, signature] => format!("{}.{}.{}", encode(header), encode(claims), encode(signature)),
        _ => String::from_utf8_lossy(data).into_owned(),
    };
    if HeaderValue::from_str(&text).is_err() {
        return;
    }
    let Ok(bearer) = BearerToken::from_headers(&bearer(&text)) else { return };
    let Ok(token) = UnverifiedToken::decode(bearer) else { return };

    let [header, claims, signature] = text.split('.').collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert_eq!(token.signature(), URL_SAFE_NO_PAD.decode(signature).unwrap());
    let signed = format!("{header}.{claims}");
    assert_eq!(token.signed_digest(), <[u8; 32]>::from(Sha256::digest(signed)));
    let [header, claims] = [header, claims]
        .map(|part| serde_json::from_slice::<Map<_, _>>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap());
    assert_eq!((&header["alg"], &header["kid"]), (&"RS256".into(), &token.unverified_key_id().into()));
    assert!(!header.contains_key("nonce") && !header.contains_key("crit"));
    for name in ["aud", "iss", "tid"] {
        assert!(claims[name].is_string(), "{name}");
    }
    assert!(claims["exp"].is_u64() && matches!(claims["ver"].as_str(), Some("1.0" | "2.0")));
}

/// JSON.
pub(super) fn strict_json(data: &[u8]) {
    let lenient = serde_json::from_slice::<Value>(data).ok();
    let lenient = lenient.as_ref().and_then(Value::as_object);
    let Ok(members) = Members::of(data) else {
        assert!(strict_json::object(data).is_err());
        return;
    };
    let lenient = lenient.expect("what the strict parser takes, the other does");
    assert!(members.names().eq(lenient.keys()), "{lenient:?}");
    for (name, value) in lenient {
        let expected = match value {
            Value::String(text) => format!("Text({text:?})"),
            Value::Number(number) if number.is_u64() => format!("Integer({number})"),
            _ => "Other".to_owned(),
        };
        assert_eq!(format!("{:?}", members.get(name).unwrap()), expected, "{name}");
    }
    assert_eq!(strict_json::object(data).as_ref().ok(), Some(lenient));
}

/// `traceparent` and `client-request-id`, a line of each, the latter twice if there is a third.
pub(super) fn traceparent(data: &[u8]) {
    let [trace, id, again] = lines(data);
    let mut all = headers(&TRACEPARENT, trace);
    for line in [id, again].into_iter().filter(|line| !line.is_empty()) {
        all.extend(headers(&CLIENT_REQUEST_ID, line));
    }
    let correlation = Correlation::from_headers(&Host, &all);
    let text = correlation.trace.to_string();
    let parts: Vec<&str> = text.split('-').collect();
    assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2], "{text}");
    assert!(text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte) || byte == b'-'), "{text}");
    assert!(parts[1].bytes().any(|byte| byte != b'0') && parts[2].bytes().any(|byte| byte != b'0') && parts[0] != "ff");
    if correlation.client_request_id != correlation.request_id {
        let text = all[CLIENT_REQUEST_ID].to_str().unwrap().to_ascii_lowercase();
        assert_eq!(text, correlation.client_request_id.to_string());
    }
    let mut answer = http::HeaderMap::new();
    correlation.add_to_response(&mut answer);
    assert_eq!(answer.len(), 3);
}

fn bearer(token: &str) -> http::HeaderMap {
    headers(&AUTHORIZATION, format!("Bearer {token}").as_bytes())
}
