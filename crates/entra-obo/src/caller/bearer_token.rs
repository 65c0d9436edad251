//! The `Authorization` header to a bearer token (RFC 6750 section 2.1).

use std::fmt;

use http::{HeaderMap, header::AUTHORIZATION};

/// The longest token that is accepted. Entra cuts group claims at 200 so that a token fits the headers that servers
/// accept, commonly 8 to 16 KiB.
pub(crate) const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A bearer token as it was received. Its characters and length are valid; nothing else is known about it.
///
/// It has no `Display`, and its `Debug` shows no part of it. [`crate::ProtectedApi::bearer`] makes one.
#[derive(Clone, PartialEq, Eq)]
pub struct BearerToken(String);

impl BearerToken {
    /// Takes the token out of the one `Authorization` header.
    ///
    /// # Errors
    /// See [`BearerFault`].
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Self, BearerFault> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next().ok_or(BearerFault::Missing)?;
        if values.next().is_some() {
            return Err(BearerFault::Several);
        }
        let value = value.to_str().map_err(|_| BearerFault::Malformed)?;
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        // RFC 9110 section 11.1: the scheme's case does not matter.
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(BearerFault::Missing);
        }
        let token = token.trim_start_matches(' ');
        if token.is_empty() {
            return Err(BearerFault::Empty);
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(BearerFault::TooLong);
        }
        if !is_b64token(token) {
            return Err(BearerFault::Malformed);
        }
        Ok(Self(token.to_owned()))
    }

    /// The token's text, for the checks and for the exchange.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why the request holds no usable bearer token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BearerFault {
    /// No `Authorization` header, or one of another scheme.
    Missing,
    /// More than one `Authorization` header.
    Several,
    /// There is nothing after the scheme, or only spaces.
    Empty,
    /// The text after the scheme is not a token of RFC 6750.
    Malformed,
    /// Longer than [`MAX_TOKEN_BYTES`].
    TooLong,
}

impl BearerFault {
    /// What is wrong, for the caller.
    #[must_use]
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Missing => "Send an access token for this API in the header Authorization: Bearer <token>.",
            Self::Several => "Send one Authorization header, not several.",
            Self::Empty => "The token is empty: there is nothing after Bearer.",
            Self::Malformed => "The text after Bearer is not a token.",
            Self::TooLong => "The token is too long.",
        }
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BearerToken([redacted])")
    }
}

/// `b64token` of RFC 6750 section 2.1.
fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| IN_B64TOKEN.get(usize::from(byte)) == Some(&true))
}

/// The bytes that it may contain, as a table: comparisons take longer, and a token has thousands of bytes.
#[expect(clippy::indexing_slicing, clippy::as_conversions, reason = "done by the compiler")]
const IN_B64TOKEN: [bool; 128] = {
    let mut table = [false; 128];
    let mut rest: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/";
    while let [byte, others @ ..] = rest {
        table[*byte as usize] = true;
        rest = others;
    }
    table
};

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

    use super::{BearerFault, BearerToken, MAX_TOKEN_BYTES};

    fn parse(values: &[&[u8]]) -> Result<String, BearerFault> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        BearerToken::from_headers(&headers).map(|token| token.as_str().to_owned())
    }

    #[test]
    fn the_scheme_is_case_insensitive() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c", "Bearer   a.b.c"] {
            assert_eq!(parse(&[value.as_bytes()]), Ok("a.b.c".into()), "{value}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        let long = format!("Bearer {}", "a".repeat(MAX_TOKEN_BYTES + 1));
        let cases: [(&[&[u8]], BearerFault); 14] = [
            (&[], BearerFault::Missing),
            (&[b""], BearerFault::Missing),
            (&[b"Basic YTpi"], BearerFault::Missing),
            (&[b"a.b.c"], BearerFault::Missing),
            (&[b"Bearera.b.c"], BearerFault::Missing),
            (&[b"Bearer"], BearerFault::Empty),
            (&[b"Bearer "], BearerFault::Empty),
            (&[b"Bearer    "], BearerFault::Empty),
            (&[b"Bearer a b"], BearerFault::Malformed),
            (&[b"Bearer a,b"], BearerFault::Malformed),
            (&[b"Bearer a=b"], BearerFault::Malformed),
            (&[b"Bearer a\xffb"], BearerFault::Malformed),
            (&[b"Bearer a.b.c", b"Bearer a.b.c"], BearerFault::Several),
            (&[long.as_bytes()], BearerFault::TooLong),
        ];
        for (values, fault) in cases {
            assert_eq!(parse(values), Err(fault), "{values:?}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer topsecret"));
        let token = BearerToken::from_headers(&headers).unwrap();
        assert!(!format!("{token:?}").contains("topsecret"));
    }
}
