//! A token as Entra issues it: its text and its times.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::{
    caller::verified_caller::MAX_LIFE_SECONDS,
    exchange::{
        refusal::{Asked, ExchangeRefusal},
        token_text::TokenText,
    },
    host::UnixTime,
};

/// A token is not used when it has less than this left: a request takes time, and clocks differ.
const MARGIN_SECONDS: u64 = 120;

/// The longest token that is kept.
const MAX_TOKEN_BYTES: usize = 32 * 1024;

/// A token for a downstream API. It leaves this crate as a [`super::tokens::DownstreamToken`] or a
/// [`super::tokens::ApplicationToken`]. Its times are those of [`crate::host::Host::elapsed`].
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct IssuedToken {
    text: TokenText,
    usable_until: Duration,
    refresh_at: Duration,
}

/// What the store keeps of a token, sealed: three times by the wall clock, in seconds as [`UnixTime`], big-endian (when it
/// was saved, until when it is usable, when it is due), and its text.
const TIME_BYTES: usize = size_of::<u64>();

/// What precedes the token in an `Authorization` header (RFC 6750 section 2.1).
const SCHEME: &str = "Bearer ";

impl IssuedToken {
    fn new(text: &str, usable_until: Duration, refresh_at: Duration) -> Option<Self> {
        Self::of(TokenText::new(text), usable_until, refresh_at)
    }

    /// `None` if it cannot be sent in a header.
    fn of(text: TokenText, usable_until: Duration, refresh_at: Duration) -> Option<Self> {
        let token = Self { text, usable_until, refresh_at };
        // The three parts of a JWT consist of letters that every header takes, and encoding them here would be in vain.
        let is_sendable = matches!(token.text, TokenText::Parts { .. }) || token.header().is_some();
        is_sendable.then_some(token)
    }

    fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::try_from(self.text.with_prefix(SCHEME)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The `Authorization` header of requests to the downstream API.
    #[must_use]
    pub(crate) fn authorization(&self) -> HeaderValue {
        // It can be sent; otherwise there would be no such token.
        self.header().unwrap_or(HeaderValue::from_static(""))
    }

    /// Whether enough of its lifetime is left.
    #[must_use]
    pub(crate) fn is_usable(&self, now: Duration) -> bool {
        now < self.usable_until
    }

    /// Whether Entra wants it replaced, although it is still usable (`refresh_in`).
    #[must_use]
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        now >= self.refresh_at
    }

    /// The same token, to be replaced no earlier than `refresh_at`.
    #[must_use]
    pub(crate) fn postponed(&self, refresh_at: Duration) -> Self {
        Self { refresh_at: refresh_at.min(self.usable_until), ..self.clone() }
    }

    /// Until when it is usable, by the wall clock.
    #[must_use]
    pub(crate) fn usable_until(&self, now: UnixTime, elapsed: Duration) -> UnixTime {
        now.plus(self.usable_until.saturating_sub(elapsed).as_secs())
    }

    /// Its size, for caches that count bytes.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        self.text.bytes()
    }

    /// The record of its sealed entry, which is saved at this moment.
    pub(crate) fn to_record(&self, now: UnixTime, elapsed: Duration) -> Vec<u8> {
        let by_wall_clock = |moment: Duration| now.plus(moment.saturating_sub(elapsed).as_secs()).0.to_be_bytes();
        let (usable_until, refresh_at) = (by_wall_clock(self.usable_until), by_wall_clock(self.refresh_at));
        [&now.0.to_be_bytes()[..], &usable_until, &refresh_at, &self.text.to_record()].concat()
    }

    /// The token of an opened entry. If it was saved in the future, or for longer than a token lives, the clock was
    /// wrong.
    pub(crate) fn from_record(record: &[u8], now: UnixTime, elapsed: Duration) -> Option<Self> {
        let (saved, rest) = record.split_first_chunk::<TIME_BYTES>()?;
        let (usable_until, rest) = rest.split_first_chunk::<TIME_BYTES>()?;
        let (refresh_at, text) = rest.split_first_chunk::<TIME_BYTES>()?;
        let [saved, usable_until, refresh_at] = [saved, usable_until, refresh_at].map(|time| u64::from_be_bytes(*time));
        if saved > now.0 || usable_until > saved.saturating_add(MAX_LIFE_SECONDS) {
            return None;
        }
        let moment = |at: u64| elapsed.saturating_add(Duration::from_secs(UnixTime(at).since(now)));
        Self::of(TokenText::from_record(text)?, moment(usable_until), moment(refresh_at))
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IssuedToken([redacted])")
    }
}

/// Parses Entra's response.
///
/// # Errors
/// An [`ExchangeRefusal`] for everything that is not a token.
pub(crate) fn parse(
    response: &Response<Bytes>,
    now: UnixTime,
    elapsed: Duration,
    asked: Asked<'_>,
) -> Result<IssuedToken, ExchangeRefusal> {
    let refusal = || ExchangeRefusal::parse(response.status(), response.headers(), response.body(), now, asked);
    if response.status() != StatusCode::OK {
        return Err(refusal());
    }
    let granted: Granted = serde_json::from_slice(response.body()).map_err(|_| refusal())?;
    let text = granted.access_token;
    let usable = granted.token_type.eq_ignore_ascii_case("bearer")
        && (1..=MAX_TOKEN_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !usable {
        return Err(refusal());
    }
    let life = granted.expires_in.min(MAX_LIFE_SECONDS);
    let after = |seconds: u64| elapsed.saturating_add(Duration::from_secs(seconds));
    let usable_until = after(life.saturating_sub(MARGIN_SECONDS));
    let refresh_at = as_seconds(&granted.refresh_in).map_or(usable_until, |seconds| after(seconds).min(usable_until));
    IssuedToken::new(&text, usable_until, refresh_at).ok_or_else(refusal)
}

#[derive(Deserialize)]
struct Granted {
    token_type: String,
    access_token: String,
    #[serde(deserialize_with = "seconds")]
    expires_in: u64,
    /// Only advice, so it is ignored if it cannot be read.
    #[serde(default)]
    refresh_in: Value,
}

/// Some of Entra's endpoints send seconds as a string.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    as_seconds(&Value::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("not seconds"))
}

fn as_seconds(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Response;

    use std::time::Duration;

    use uuid::Uuid;

    use super::{Asked, IssuedToken, parse};
    use crate::{host::UnixTime, policy::Tenancy};

    const ASKED: Asked<'_> = Asked { tenant_id: Uuid::nil(), tenancy: &Tenancy::Single(Uuid::nil()) };

    const NOW: UnixTime = UnixTime(1_800_000_000);
    const ELAPSED: Duration = Duration::from_secs(1000);

    fn answer(status: u16, body: &'static str) -> Response<Bytes> {
        Response::builder().status(status).body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[test]
    fn lives_are_cut_by_a_margin_and_at_a_limit() {
        let cases = [
            (r#"{"token_type":"Bearer","access_token":"t","expires_in":3600}"#, 4480, 4480),
            (r#"{"token_type":"bearer","access_token":"t","expires_in":"3600","refresh_in":"1800"}"#, 4480, 2800),
            (r#"{"token_type":"Bearer","access_token":"t","expires_in":99999999}"#, 101_680, 101_680),
            (r#"{"token_type":"Bearer","access_token":"t","expires_in":60}"#, 1000, 1000),
            (r#"{"token_type":"Bearer","access_token":"t","expires_in":3600,"refresh_in":9999}"#, 4480, 4480),
            (r#"{"token_type":"Bearer","access_token":"t","expires_in":3600,"refresh_in":null}"#, 4480, 4480),
            (r#"{"token_type":"Bearer","access_token":"t","expires_in":3600,"refresh_in":-1}"#, 4480, 4480),
        ];
        for (body, usable_until, refresh_at) in cases {
            let token = parse(&answer(200, body), NOW, ELAPSED, ASKED).unwrap();
            let seconds = (token.usable_until.as_secs(), token.refresh_at.as_secs());
            assert_eq!(seconds, (usable_until, refresh_at), "{body}");
        }
    }

    #[test]
    fn a_stored_token_is_as_old_for_another_instance_and_one_from_the_future_is_not_believed() {
        let body = r#"{"token_type":"Bearer","access_token":"t","expires_in":3600,"refresh_in":1800}"#;
        let content = parse(&answer(200, body), NOW, ELAPSED, ASKED).unwrap().to_record(NOW, ELAPSED);
        let load = |now: u64| IssuedToken::from_record(&content, UnixTime(now), Duration::from_secs(5));
        let moments = |token: IssuedToken| (token.usable_until.as_secs(), token.refresh_at.as_secs());
        assert_eq!(load(NOW.0).map(moments), Some((5 + 3480, 5 + 1800)));
        assert_eq!(load(NOW.0 + 2000).map(moments), Some((5 + 1480, 5)));
        assert_eq!(load(NOW.0 + 4000).map(moments), Some((5, 5)));
        assert_eq!(load(NOW.0 - 1), None);
        let endless = [NOW.0, u64::MAX, u64::MAX].map(u64::to_be_bytes).concat();
        assert_eq!(IssuedToken::from_record(&[&*endless, b"1t"].concat(), NOW, ELAPSED), None);
        for length in 0..content.len() {
            IssuedToken::from_record(&content[..length], NOW, ELAPSED);
        }
    }

    #[test]
    fn what_is_not_a_token_is_refused() {
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"token_type":"PoP","access_token":"t","expires_in":3600}"#,
            r#"{"token_type":"Bearer","access_token":"","expires_in":3600}"#,
            r#"{"token_type":"Bearer","access_token":"a b","expires_in":3600}"#,
            r#"{"token_type":"Bearer","access_token":"a\r\nb","expires_in":3600}"#,
            r#"{"token_type":"Bearer","access_token":"t"}"#,
            r#"{"token_type":"Bearer","access_token":"t","expires_in":-1}"#,
        ] {
            assert!(parse(&answer(200, body), NOW, ELAPSED, ASKED).is_err(), "{body}");
        }
        assert!(
            parse(&answer(201, r#"{"token_type":"Bearer","access_token":"t","expires_in":1}"#), NOW, ELAPSED, ASKED)
                .is_err()
        );
    }
}
