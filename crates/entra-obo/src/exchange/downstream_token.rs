//! The On-Behalf-Of exchange: from a verified caller to a token for a downstream API.
//!
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow>

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::{
    caller::verified_caller::{MAX_LIFE_SECONDS, VerifiedCaller},
    claims_challenge::{ClaimsChallenge, claims_to_request},
    context::Context,
    credential::client_credential::ClientCredential,
    exchange::{
        downstream::Downstream,
        refusal::{Asked, ExchangeRefusal},
    },
    host::{Host, UnixTime},
    policy::Policy,
};

/// A token is not used when it has less than this left: a request takes time, and clocks differ.
const MARGIN_SECONDS: u64 = 120;

/// The longest token that is kept.
const MAX_TOKEN_BYTES: usize = 32 * 1024;

/// A token for a downstream API on behalf of one user. Its times are those of [`crate::host::Host::elapsed`].
#[derive(Clone, PartialEq, Eq)]
pub struct DownstreamToken {
    /// The header's value, with the scheme.
    authorization: HeaderValue,
    usable_until: Duration,
    refresh_at: Duration,
}

/// What the store keeps of a token, sealed: three times by the wall clock, in seconds as [`UnixTime`], big-endian (when it
/// was saved, until when it is usable, when it is due), and its text.
const TIME_BYTES: usize = size_of::<u64>();

/// What precedes the token in an `Authorization` header (RFC 6750 section 2.1).
const SCHEME: &str = "Bearer ";

impl DownstreamToken {
    fn new(text: &str, usable_until: Duration, refresh_at: Duration) -> Option<Self> {
        let mut authorization = HeaderValue::try_from(format!("{SCHEME}{text}")).ok()?;
        authorization.set_sensitive(true);
        Some(Self { authorization, usable_until, refresh_at })
    }

    /// The `Authorization` header of requests to the downstream API.
    #[must_use]
    pub const fn authorization(&self) -> &HeaderValue {
        &self.authorization
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
    pub fn usable_until(&self, now: UnixTime, elapsed: Duration) -> UnixTime {
        now.plus(self.usable_until.saturating_sub(elapsed).as_secs())
    }

    /// Its size, for caches that count bytes.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        self.authorization.len()
    }

    /// The record of its sealed entry, which is saved at this moment.
    pub(crate) fn to_record(&self, now: UnixTime, elapsed: Duration) -> Vec<u8> {
        let text = self.authorization.as_bytes().strip_prefix(SCHEME.as_bytes()).unwrap_or_default();
        let by_wall_clock = |moment: Duration| now.plus(moment.saturating_sub(elapsed).as_secs()).0.to_be_bytes();
        let (usable_until, refresh_at) = (by_wall_clock(self.usable_until), by_wall_clock(self.refresh_at));
        [&now.0.to_be_bytes(), &usable_until, &refresh_at, text].concat()
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
        Self::new(std::str::from_utf8(text).ok()?, moment(usable_until), moment(refresh_at))
    }
}

impl fmt::Debug for DownstreamToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DownstreamToken([redacted])")
    }
}

/// The token request (section "Middle-tier access token request" of the page above).
///
/// It goes to the token endpoint of the caller's own directory: through `common` a guest would get a token of their home
/// directory. `claims` are those of a claims challenge that the new token must satisfy.
///
/// # Errors
/// In words for the log, if the credential cannot sign.
pub(crate) fn request<H: Host>(
    context: &Context<H>,
    policy: &Policy,
    caller: &VerifiedCaller,
    credential: &ClientCredential,
    downstream: &Downstream,
    claims: Option<&ClaimsChallenge>,
) -> Result<Request<Bytes>, String> {
    let endpoint = format!("{}/{}/oauth2/v2.0/token", policy.authority_host, caller.tenant_id());
    let (now, random) = (context.host.now(), context.host.random());
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
        .append_pair("requested_token_use", "on_behalf_of")
        .append_pair("client_id", &policy.client_id.to_string())
        .append_pair("scope", downstream.scopes())
        .append_pair("claims", &claims_to_request(claims))
        .append_pair("assertion", caller.assertion().as_str());
    credential.authenticate(&mut form, &endpoint, policy.client_id, now, random)?;
    let body = Bytes::from(form.finish());

    let mut request = Request::post(endpoint)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::CONTENT_LENGTH, body.len())
        .header(header::ACCEPT, "application/json")
        .header("return-client-request-id", "true")
        .body(body)
        .map_err(|error| error.to_string())?;
    if let Some(person) = caller.object_id() {
        // Lets Entra route the request to where this person's data is, as MSAL does.
        let hint = HeaderValue::try_from(format!("oid:{person}@{}", caller.tenant_id()));
        request.headers_mut().insert("x-anchormailbox", hint.map_err(|error| error.to_string())?);
    }
    context.correlation.add_to(request.headers_mut());
    Ok(request)
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
) -> Result<DownstreamToken, ExchangeRefusal> {
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
    DownstreamToken::new(&text, usable_until, refresh_at).ok_or_else(refusal)
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

    use super::{Asked, DownstreamToken, parse};
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
        let load = |now: u64| DownstreamToken::from_record(&content, UnixTime(now), Duration::from_secs(5));
        let moments = |token: DownstreamToken| (token.usable_until.as_secs(), token.refresh_at.as_secs());
        assert_eq!(load(NOW.0).map(moments), Some((5 + 3480, 5 + 1800)));
        assert_eq!(load(NOW.0 + 2000).map(moments), Some((5 + 1480, 5)));
        assert_eq!(load(NOW.0 + 4000).map(moments), Some((5, 5)));
        assert_eq!(load(NOW.0 - 1), None);
        let endless = [NOW.0, u64::MAX, u64::MAX].map(u64::to_be_bytes).concat();
        assert_eq!(DownstreamToken::from_record(&[&*endless, b"t"].concat(), NOW, ELAPSED), None);
        for length in 0..content.len() {
            DownstreamToken::from_record(&content[..length], NOW, ELAPSED);
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
