//! What Entra's token endpoint answers.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode, header::RETRY_AFTER};
use uuid::Uuid;

use super::{
    challenge::{MOST_CLAIMS, is_claims},
    input::{NOW, headers, json, lines},
};
use crate::{
    exchange::{
        issued_token,
        refusal::{Asked, ExchangeRefusal, Meaning},
    },
    host::UnixTime,
    policy::Tenancy,
    upstream::call,
};

/// No longer life is believed.
const LONGEST_LIFE: Duration = Duration::from_secs(28 * 3600);

const ASKED: Asked<'_> = Asked { tenant_id: Uuid::nil(), tenancy: &Tenancy::Single(Uuid::nil()) };

/// A body with status 200.
pub(super) fn token_answer(data: &[u8]) {
    let (now, response) = (Duration::from_secs(1000), Response::new(Bytes::copy_from_slice(data)));
    let Ok(token) = issued_token::parse(&response, UnixTime(NOW), now, ASKED) else { return };
    let authorization = token.authorization();
    let text = authorization.to_str().unwrap().strip_prefix("Bearer ").unwrap();
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()) && (1..=32 * 1024).contains(&text.len()));
    if let Some(body) = json(data) {
        assert_eq!(body["access_token"], text);
        assert!(body["token_type"].as_str().unwrap().eq_ignore_ascii_case("bearer"));
    }
    assert!(!token.is_usable(now + LONGEST_LIFE) && token.is_due(now + LONGEST_LIFE));
    assert!(authorization.is_sensitive() && !format!("{token:?}").contains(text) || text.len() < 12);
}

/// A status, `Retry-After` and a body that is no token.
pub(super) fn token_error(data: &[u8]) {
    let [status, wait, body] = lines(data);
    let Ok(status) = StatusCode::from_bytes(status) else { return };
    let refusal = ExchangeRefusal::parse(status, &headers(&RETRY_AFTER, wait), body, UnixTime(NOW), ASKED);
    assert!(refusal.summary.len() <= 320 && refusal.summary.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    for id in [&refusal.correlation_id, &refusal.trace_id].into_iter().flatten() {
        assert!(id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{id}");
    }
    if let Meaning::ClaimsChallenge(claims) = &refusal.meaning {
        is_claims(claims);
    }
    assert!(status != StatusCode::TOO_MANY_REQUESTS || matches!(refusal.meaning, Meaning::Throttled { .. }));
    let words = format!("{:?}", refusal.meaning);
    assert!(words.len() <= 3 * MOST_CLAIMS, "{} bytes", words.len());
}

/// No longer wait is believed.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// `Retry-After`.
pub(super) fn retry_after(data: &[u8]) {
    let headers = headers(&RETRY_AFTER, data);
    let wait = call::retry_after(&headers, UnixTime(NOW));
    assert!(wait.is_none_or(|wait| wait <= LONGEST_WAIT), "{wait:?}");
    let Some(text) = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()) else {
        assert_eq!(wait, None);
        return;
    };
    // RFC 9110 section 10.2.3, by other means.
    let text = text.trim();
    if !text.is_empty() && text.len() < 5 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        assert_eq!(wait, Some(Duration::from_secs(text.parse().unwrap()).min(LONGEST_WAIT)));
    } else if let Ok(date) = httpdate::parse_http_date(text) {
        let now = std::time::UNIX_EPOCH + Duration::from_secs(NOW);
        let until = date.duration_since(now).unwrap_or_default();
        assert!(date < std::time::UNIX_EPOCH || wait == Some(until.min(LONGEST_WAIT)), "{text}: {wait:?}");
    } else if let Some(wait) = wait {
        assert!(text.parse::<f64>().is_ok_and(|seconds| wait <= Duration::from_secs_f64(seconds.min(1e9))), "{text}");
    }
}
