//! Answers in every form that the documentation and the standards allow, and that the services here do not use by
//! themselves. Clients that follow the documentation are not affected.

mod json;

use std::time::{Duration, SystemTime};

use fastrand::Rng;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, Version,
    header::{
        CACHE_CONTROL, CONNECTION, CONTENT_TYPE, ETAG, RETRY_AFTER, SET_COOKIE, STRICT_TRANSPORT_SECURITY, VIA,
        WWW_AUTHENTICATE,
    },
};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::{endpoint::Endpoint, jwt::Object, wire::ResponseBody};

/// Spellings of one media type (RFC 9110 section 8.3.1), with parameters that Graph and Entra send.
const JSON_TYPES: [&str; 5] = [
    "application/json",
    "application/json;charset=UTF-8",
    "Application/JSON; charset=\"utf-8\"",
    "application/json; odata.metadata=minimal; odata.streaming=true; IEEE754Compatible=false; charset=utf-8",
    "application/json ; charset=utf-8",
];

/// Headers that mean nothing to clients of these services.
const HEADERS: [(HeaderName, &[u8]); 10] = [
    (SET_COOKIE, b"fpc=AgAAAAAAAAAA; expires=Mon, 01-Jan-2035 00:00:00 GMT; path=/; secure; HttpOnly; SameSite=None"),
    (SET_COOKIE, b"x-ms-gateway-slice=estsfd; path=/; secure; httponly"),
    (SET_COOKIE, b"stsservicecookie=estsfd; path=/; secure; httponly"),
    (STRICT_TRANSPORT_SECURITY, b"max-age=31536000; includeSubDomains"),
    (VIA, b"1.1 proxy.example, 2 cache.example"),
    (HeaderName::from_static("p3p"), b"CP=\"DSP CUR OTPi IND OTRi ONL FIN\""),
    (HeaderName::from_static("nel"), b"{\"report_to\":\"network-errors\",\"max_age\":86400}"),
    (HeaderName::from_static("x-empty"), b""),
    // Octets beyond ASCII are opaque (RFC 9110 section 5.5).
    (HeaderName::from_static("x-note"), b"caf\xe9"),
    (HeaderName::from_static("x-long"), &[b'x'; 4096]),
];

/// Challenges of schemes that are not for clients of these services (RFC 9110 section 11.6.1).
const OTHER_CHALLENGES: [&str; 4] = [
    "Negotiate",
    "Basic realm=\"a, Bearer b\", charset=\"UTF-8\"",
    "DPoP algs=\"ES256 PS256\"",
    "Newauth realm=\"apps\", title=\"Login to \\\"apps\\\"\"",
];

/// The longest pieces in which a body comes.
const LONGEST_PIECE: usize = 4096;

/// The variations, chosen by a seed.
pub(crate) struct Variety(Mutex<Rng>);

impl Variety {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(Rng::with_seed(seed)))
    }

    /// Whether to do something to a whole connection.
    pub(crate) fn chance(&self) -> bool {
        self.fork().bool()
    }

    /// The JSON text of a token's header or claims, with unknown members.
    pub(crate) fn token_part(&self, part: &Object) -> String {
        let mut random = self.fork();
        let mut part = Value::Object(part.clone());
        json::add_unknown_members(&mut part, &mut random);
        json::text(&part, &mut random)
    }

    /// The `answer` of `endpoint` in another form.
    pub(crate) fn vary(
        &self,
        endpoint: Endpoint,
        version: Version,
        response: Response<ResponseBody>,
    ) -> Response<ResponseBody> {
        let mut random = self.fork();
        let (mut head, body) = response.into_parts();
        // Every normal answer is made in memory: its body is there at once.
        let collected = body.collect().now_or_never().and_then(Result::ok);
        let mut body = collected.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        if let Some(mut value) = json_value(&head.headers, &body) {
            vary_members(endpoint, &mut value, &mut random);
            body = json::text(&value, &mut random).into();
            let media_type = random.choice(JSON_TYPES).unwrap_or_default();
            head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        vary_headers(endpoint, version, &mut head.headers, &mut random);
        Response::from_parts(head, in_pieces(body, version, random))
    }

    /// Random numbers for one response, so that concurrent ones do not influence each other.
    fn fork(&self) -> Rng {
        self.0.lock().fork()
    }
}

fn json_value(headers: &HeaderMap, body: &[u8]) -> Option<Value> {
    let media_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    media_type.starts_with("application/json").then(|| serde_json::from_slice(body).ok())?
}

fn vary_members(endpoint: Endpoint, value: &mut Value, random: &mut Rng) {
    if let (Endpoint::Token, Some(response)) = (endpoint, value.as_object_mut()) {
        vary_token_answer(response, random);
    }
    if let (Endpoint::KeySet, Some(keys)) = (endpoint, value.get_mut("keys").and_then(Value::as_array_mut)) {
        // Clients have to ignore keys of unknown types (RFC 7517 section 5).
        keys.push(json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "other", "use": "sig"}));
        keys.push(json!({"kty": "new", "kid": null, "use": ["sig"], "key_ops": ["verify"]}));
        random.shuffle(keys);
    }
    json::add_unknown_members(value, random);
}

fn vary_token_answer(response: &mut Object, random: &mut Rng) {
    let lifetime = response.get("expires_in").and_then(Value::as_u64);
    if let Some(lifetime) = lifetime
        && !response.contains_key("refresh_in")
        && random.bool()
    {
        response.insert("refresh_in".to_owned(), (lifetime / 2 + random.u64(..=lifetime / 2)).into());
    }
    // As Entra's v1 endpoint writes them.
    for name in ["expires_in", "ext_expires_in", "refresh_in"] {
        if let Some(value) = response.get_mut(name)
            && random.bool()
        {
            *value = value.to_string().into();
        }
    }
}

fn vary_headers(endpoint: Endpoint, version: Version, headers: &mut HeaderMap, random: &mut Rng) {
    for (name, value) in HEADERS {
        if let (Ok(value), true) = (HeaderValue::from_bytes(value), random.bool()) {
            headers.append(name, value);
        }
    }
    let mut change = |name: HeaderName, change: &dyn Fn(&str) -> Option<String>, random: &mut Rng| {
        let changed = headers.get(&name).and_then(|value| change(value.to_str().ok()?));
        if let (Some(Ok(value)), true) = (changed.map(HeaderValue::try_from), random.bool()) {
            headers.insert(name, value);
        }
    };
    change(CACHE_CONTROL, &|value| Some(format!("community=\"a, max-age=1\", {value}")), random);
    change(ETAG, &|value| value.starts_with('"').then(|| format!("W/{value}")), random);
    // Seconds with a fraction are Graph's own.
    let is_graph = matches!(endpoint, Endpoint::GraphMe | Endpoint::GraphPhoto);
    change(RETRY_AFTER, &|value| (is_graph && !value.contains('.')).then(|| format!("{value}.000")), random);
    change(RETRY_AFTER, &|value| retry_date(value), random);
    vary_challenges(headers, random);
    if version <= Version::HTTP_11 && random.u8(..8) == 0 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// The HTTP-date that is as many seconds away (RFC 9110 section 10.2.3), rounded up.
fn retry_date(seconds: &str) -> Option<String> {
    let wait = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
    Some(httpdate::fmt_http_date(SystemTime::now().checked_add(wait)? + Duration::from_secs(1)))
}

/// Adds challenges of other schemes, in the same header or in separate ones.
fn vary_challenges(headers: &mut HeaderMap, random: &mut Rng) {
    let challenges: Vec<HeaderValue> = headers.get_all(WWW_AUTHENTICATE).iter().cloned().collect();
    if challenges.is_empty() {
        return;
    }
    headers.remove(WWW_AUTHENTICATE);
    let mut append = |text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.append(WWW_AUTHENTICATE, value);
        }
    };
    for challenge in challenges {
        let own = challenge.to_str().unwrap_or_default();
        let other = random.choice(OTHER_CHALLENGES).unwrap_or_default();
        match random.u8(..5) {
            0 => append(own),
            1 => [other, own].into_iter().for_each(&mut append),
            2 => [own, other].into_iter().for_each(&mut append),
            3 => append(&format!("{other} , {own}")),
            _ => append(&format!("{own},{other}")),
        }
    }
}

/// The body whole, or in pieces of any size and of no announced length, with trailers where they are possible.
fn in_pieces(mut body: Bytes, version: Version, mut random: Rng) -> ResponseBody {
    if random.u8(..3) == 0 {
        return Full::new(body).map_err(|never| match never {}).boxed_unsync();
    }
    let mut frames = Vec::new();
    // After many pieces, the rest is sent in one.
    while !body.is_empty() {
        let longest = if frames.len() < 64 { [3, 64, LONGEST_PIECE] } else { [usize::MAX; 3] };
        let longest = random.choice(longest).unwrap_or(LONGEST_PIECE).min(body.len());
        let length = if longest == body.len() { longest } else { random.usize(1..=longest) };
        frames.push(Frame::data(body.split_to(length)));
    }
    if version == Version::HTTP_2 && random.bool() {
        let name = HeaderName::from_static("x-checksum");
        frames.push(Frame::trailers(HeaderMap::from_iter([(name, HeaderValue::from_static("0"))])));
    }
    // Each piece on its own, so that they are not written together.
    let pieces = stream::iter(frames).then(|frame| async {
        tokio::task::yield_now().await;
        Ok(frame)
    });
    StreamBody::new(pieces).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[tokio::test]
    async fn answers_differ_in_form_and_mean_the_same() {
        let body = json!({"access_token": "a/\"\u{1f600}", "expires_in": 3599, "nested": {"list": [1, null, "x"]}});
        let mut forms = std::collections::HashSet::new();
        for seed in 0..50 {
            let variety = Variety::new(seed);
            let response = wire::json_response(http::StatusCode::OK, &body);
            let (head, varied) = variety.vary(Endpoint::Token, Version::HTTP_2, response).into_parts();
            let bytes = varied.collect().await.unwrap().to_bytes();
            let read: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(read["access_token"], body["access_token"]);
            assert!(read["expires_in"] == 3599 || read["expires_in"] == "3599", "{read}");
            assert_eq!(read["nested"]["list"], body["nested"]["list"]);
            assert!(head.headers[CONTENT_TYPE].to_str().unwrap().to_ascii_lowercase().starts_with("application/json"));
            forms.insert(bytes);
        }
        assert_eq!(forms.len(), 50);
    }

    #[test]
    fn a_seed_repeats_itself() {
        let claims = crate::jwt::object(json!({"a": 1, "b": {"c": "text"}, "d": [1, 2]}));
        let text = |seed| Variety::new(seed).token_part(&claims);
        assert_eq!(text(7), text(7));
        assert_ne!(text(7), text(8));
    }

    #[test]
    fn the_own_challenge_is_always_among_the_others() {
        let own = "Bearer realm=\"\", error=\"invalid_token\"";
        let mut most = 0;
        for seed in 0..100 {
            let mut headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, HeaderValue::from_static(own))]);
            vary_challenges(&mut headers, &mut Rng::with_seed(seed));
            let lines: Vec<&str> =
                headers.get_all(WWW_AUTHENTICATE).iter().map(|line| line.to_str().unwrap()).collect();
            assert_eq!(lines.iter().filter(|line| line.contains(own)).count(), 1, "{lines:?}");
            most = most.max(lines.len());
        }
        assert_eq!(most, 2);
    }
}
