//! The claims of a JWT whose signature is not verified.
//!
//! Two uses are safe: an id token that came from the token endpoint over TLS (OpenID Connect Core section 3.1.3.7, point 6),
//! and showing people their own token.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::de::DeserializeOwned;

/// The claims, if `token` is a signed JWT with such claims.
#[must_use]
pub(crate) fn parse_unverified_claims<T: DeserializeOwned>(token: &str) -> Option<T> {
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::parse_unverified_claims;

    #[test]
    fn claims_are_parsed_or_there_are_none() {
        assert_eq!(parse_unverified_claims::<Value>("e30.eyJhIjoxfQ.c2ln"), Some(json!({"a": 1})));
        for token in ["", "e30.eyJhIjoxfQ", "e30.eyJhIjoxfQ.c2ln.", "e30.eyJhIjoxfQ==.c2ln", "e30.!.c2ln", "e30.e30x.s"]
        {
            assert_eq!(parse_unverified_claims::<Value>(token), None, "{token}");
        }
    }
}
