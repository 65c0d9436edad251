//! Who calls, in the headers that App Service's built-in authentication ("Easy Auth") made familiar.
//!
//! <https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities>

use std::{borrow::Cow, num::NonZeroUsize, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use lru::LruCache;
use serde::Serialize;
use serde_json::{Map, Value};

use entra_obo::{
    DownstreamToken, VerifiedCaller,
    host::UnixTime,
    toolkit::{AssertionDigest, Locked},
};

use crate::settings::ClaimHeader;

const PRINCIPAL: HeaderName = HeaderName::from_static("x-ms-client-principal");
const PRINCIPAL_ID: HeaderName = HeaderName::from_static("x-ms-client-principal-id");
const PRINCIPAL_NAME: HeaderName = HeaderName::from_static("x-ms-client-principal-name");
const PRINCIPAL_IDP: HeaderName = HeaderName::from_static("x-ms-client-principal-idp");
const ACCESS_TOKEN: HeaderName = HeaderName::from_static("x-ms-token-aad-access-token");
const EXPIRES_ON: HeaderName = HeaderName::from_static("x-ms-token-aad-expires-on");

/// Claims with a person's name, the most specific first. v2 tokens have the first, v1 tokens the second or the third.
const NAMES: [&str; 4] = ["preferred_username", "upn", "unique_name", "name"];

/// How many callers' headers are remembered, and how large they may be in all: 8 MiB of an instance's memory at the most.
const MAX_REMEMBERED: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
const MAX_REMEMBERED_BYTES: usize = 8 * 1024;

/// The headers that identify callers, under one configuration.
///
/// They are made of nothing but the token, and a page sends the same token many times.
#[derive(Debug)]
pub(crate) struct Principals(Locked<LruCache<AssertionDigest, Arc<HeaderMap>>>);

impl Default for Principals {
    fn default() -> Self {
        Self(Locked::new(LruCache::new(MAX_REMEMBERED)))
    }
}

#[derive(Serialize)]
struct Principal<'a> {
    auth_typ: &'static str,
    claims: Vec<Claim<'a>>,
    name_typ: &'static str,
    role_typ: &'static str,
}

#[derive(Serialize)]
struct Claim<'a> {
    typ: &'a str,
    val: Cow<'a, str>,
}

impl Principals {
    /// The headers that identify the caller.
    pub(crate) fn of(&self, caller: &VerifiedCaller, mappings: &[ClaimHeader]) -> Arc<HeaderMap> {
        if let Some(headers) = self.0.lock().get(caller.digest()) {
            return Arc::clone(headers);
        }
        let headers = Arc::new(headers(caller, mappings));
        if headers.values().map(HeaderValue::len).fold(0, usize::saturating_add) <= MAX_REMEMBERED_BYTES {
            self.0.lock().put(*caller.digest(), Arc::clone(&headers));
        }
        headers
    }
}

/// The headers that identify the caller. Claims keep their names in the token.
fn headers(caller: &VerifiedCaller, mappings: &[ClaimHeader]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let claims = caller.claims();
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let id = text("oid").or_else(|| text("sub"));
    let name = NAMES.iter().find_map(|name| text(name));
    let listed = claims.iter().flat_map(|(typ, value)| values(value).into_iter().map(move |val| Claim { typ, val }));
    let principal = Principal { auth_typ: "aad", claims: listed.collect(), name_typ: "name", role_typ: "roles" };
    let principal = serde_json::to_vec(&principal).unwrap_or_default();
    insert(&mut headers, PRINCIPAL, &STANDARD.encode(principal));
    insert(&mut headers, PRINCIPAL_IDP, "aad");
    for (header, value) in [(PRINCIPAL_ID, id), (PRINCIPAL_NAME, name)] {
        if let Some(value) = value {
            insert(&mut headers, header, value);
        }
    }
    for ClaimHeader { header, claim } in mappings {
        if let Some(value) = joined(&claims, claim) {
            insert(&mut headers, header.clone(), &value);
        }
    }
    headers
}

/// Adds a token for another API, and the time until which it can be used.
pub(crate) fn add_token(headers: &mut HeaderMap, token: &DownstreamToken, usable_until: UnixTime) {
    let authorization = token.authorization();
    let value = authorization.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
    if let Some(Ok(mut value)) = value.map(HeaderValue::from_str) {
        value.set_sensitive(true);
        headers.insert(ACCESS_TOKEN, value);
        insert(headers, EXPIRES_ON, &date_time(usable_until));
    }
}

/// Omits a value with a character that no header can have: nothing is better than something wrong.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.insert(name, value);
    }
}

/// The values of a claim as texts: a list has several.
fn values(value: &Value) -> Vec<Cow<'_, str>> {
    match value {
        Value::String(text) => vec![text.into()],
        Value::Array(items) => items.iter().flat_map(values).collect(),
        other => vec![other.to_string().into()],
    }
}

/// The values separated by commas, as other gateways write them. A value that contains a comma could pose as two, and is
/// omitted.
fn joined(claims: &Map<String, Value>, claim: &str) -> Option<String> {
    let value = claims.get(claim)?;
    let items: Vec<_> = match value {
        Value::Array(_) => values(value).into_iter().filter(|item| !item.contains(',')).collect(),
        _ => values(value),
    };
    Some(items.join(","))
}

/// RFC 3339, in UTC. Counting years from March puts the leap day last, which makes the lengths of months regular.
fn date_time(UnixTime(seconds): UnixTime) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let days = days.saturating_add(719_468);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day.saturating_sub(day / 1460).saturating_add(day / 36_524).saturating_sub(day / 146_096)) / 365;
    let day = day.saturating_sub(year * 365 + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day.saturating_sub((153 * month + 2) / 5).saturating_add(1);
    let (month, after) = if month < 10 { (month + 3, 0) } else { (month.saturating_sub(9), 1) };
    let year = year.saturating_add(era * 400).saturating_add(after);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{UnixTime, date_time, joined};

    #[test]
    fn moments_are_written_as_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (1_798_761_600, "2027-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(date_time(UnixTime(seconds)), text);
        }
    }

    #[test]
    fn no_item_of_a_list_pretends_to_be_two() {
        let claims = json!({"roles": ["read", "a,admin", "write"], "name": "Lovelace, Ada", "n": 1, "none": []});
        let claims = claims.as_object().unwrap();
        assert_eq!(joined(claims, "roles").as_deref(), Some("read,write"));
        assert_eq!(joined(claims, "name").as_deref(), Some("Lovelace, Ada"));
        assert_eq!(joined(claims, "n").as_deref(), Some("1"));
        assert_eq!(joined(claims, "none").as_deref(), Some(""));
        assert_eq!(joined(claims, "missing"), None);
    }
}
