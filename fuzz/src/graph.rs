//! What Graph answers instead of a profile.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::RETRY_AFTER, header::WWW_AUTHENTICATE};
use profile_get::{
    graph::request::{GraphMeaning, GraphRefusal, Resource},
    host::UnixTime,
    refusal::challenge::{BearerChallenge, requested_claims},
};
use serde_json::{Map, Value};

use crate::{NOW, exchange::is_claims, headers, json, lines};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `WWW-Authenticate`, a line each.
pub(crate) fn challenge(data: &[u8]) {
    let headers = headers(&WWW_AUTHENTICATE, data);
    let claims = requested_claims(&headers);
    claims.as_deref().map(is_claims);

    // One line that another parser understands means the same to it.
    let values: Vec<&str> = headers.values().filter_map(|value| value.to_str().ok()).collect();
    if let [line] = values[..]
        && let Some(expected) = claims_by_another_parser(line)
    {
        assert_eq!(claims.map(|claims| serde_json::from_str::<Value>(&claims).unwrap()), expected, "{line}");
    }

    // What this API writes, that parser reads.
    let text = String::from_utf8_lossy(data);
    let written = BearerChallenge::new(&text, &text).with("error_description", &text).into_value().unwrap();
    let read = http_auth::parse_challenges(written.to_str().unwrap()).unwrap();
    let [challenge] = &read[..] else { panic!("{written:?}") };
    assert_eq!((challenge.scheme, challenge.params.len()), ("Bearer", 3));
}

/// `None` where the parser refuses the line, or where parsers may differ: a parameter or a member twice.
fn claims_by_another_parser(line: &str) -> Option<Option<Value>> {
    let challenges = http_auth::parse_challenges(line).ok()?;
    for challenge in challenges.iter().filter(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer")) {
        let parameter = |name: &str| {
            let mut values = challenge.params.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
            let value = values.next().map(|(_, value)| value.to_unescaped());
            if values.next().is_some() { Err(()) } else { Ok(value) }
        };
        let claims = parameter("claims").ok()?.map(|claims| claims.replace('-', "+").replace('_', "/"));
        let Some(bytes) = claims.and_then(|claims| LENIENT.decode(claims).ok()) else { continue };
        if profile_get::strict_json::object(&bytes)
            .is_ok_and(|object| serde_json::to_vec(&object).unwrap().len() <= 4096)
            && bytes.len() <= 4096
        {
            return Some(Some(Value::Object(serde_json::from_slice::<Map<_, _>>(&bytes).unwrap())));
        }
    }
    Some(None)
}

/// A status, Graph's id of the request, `Retry-After`, `WWW-Authenticate` and a body.
pub(crate) fn error(data: &[u8]) {
    let [status, id, wait, challenge, body] = lines(data);
    let Ok(status) = StatusCode::from_bytes(status) else { return };
    let mut all = headers(&WWW_AUTHENTICATE, challenge);
    all.extend(headers(&RETRY_AFTER, wait));
    add(&mut all, "request-id", id);
    for resource in [Resource::Profile(None), Resource::Photo(None)] {
        refusal(&GraphRefusal::read(&resource, status, &all, body, UnixTime(NOW)), body);
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
