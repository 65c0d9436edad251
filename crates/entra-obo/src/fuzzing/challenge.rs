//! The challenges of a downstream API, and this crate's own.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::header::WWW_AUTHENTICATE;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::input::headers;
use crate::{
    claims_challenge::ClaimsChallenge,
    policy::{Policy, Tenancy},
    response::bearer_challenge::BearerChallenge,
    strict_json,
    www_authenticate::claims_challenge,
};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `WWW-Authenticate`, a line each.
pub(super) fn challenge(data: &[u8]) {
    let headers = headers(&WWW_AUTHENTICATE, data);
    let claims = claims_challenge(&headers);
    claims.iter().for_each(is_claims);

    // One line that another parser understands means the same to it.
    let values: Vec<&str> = headers.values().filter_map(|value| value.to_str().ok()).collect();
    if let [line] = values[..]
        && let Some(expected) = claims_by_another_parser(line)
    {
        assert_eq!(claims.map(|claims| serde_json::from_str::<Value>(claims.as_str()).unwrap()), expected, "{line}");
    }

    // What this API writes, that parser reads.
    let text = String::from_utf8_lossy(data);
    let policy =
        Policy { authority_host: text.to_string(), ..Policy::new(Tenancy::Single(Uuid::nil()), Uuid::nil(), vec![]) };
    let written = BearerChallenge::of_home(&policy).with("error_description", &text).into_value().unwrap();
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
        if strict_json::object(&bytes).is_ok_and(|object| serde_json::to_vec(&object).unwrap().len() <= 4096)
            && bytes.len() <= 4096
        {
            return Some(Some(Value::Object(serde_json::from_slice::<Map<_, _>>(&bytes).unwrap())));
        }
    }
    Some(None)
}

/// The longest claims that a header carries.
pub(super) const MOST_CLAIMS: usize = 4096;

/// Claims are a JSON object that fits a header.
pub fn is_claims(claims: &ClaimsChallenge) {
    let claims = claims.as_str();
    assert!(claims.len() <= MOST_CLAIMS, "{} bytes", claims.len());
    serde_json::from_str::<Map<String, Value>>(claims).unwrap();
}
