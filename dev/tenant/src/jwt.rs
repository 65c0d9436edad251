//! JSON Web Tokens in the compact serialization (RFC 7515 section 7.1): taking apart and putting together.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

/// A JSON object: a header or a set of claims.
pub(crate) type Object = Map<String, Value>;

/// A token taken apart. Nothing in it has been verified.
pub(crate) struct UnverifiedJwt<'a> {
    pub(crate) unverified_header: Object,
    pub(crate) unverified_claims: Object,
    /// The header and claims as signed (RFC 7515 section 5.1).
    pub(crate) signing_input: &'a str,
    pub(crate) signature: Vec<u8>,
}

impl<'a> UnverifiedJwt<'a> {
    /// Takes `token` apart; `None` when it is not three parts of strict base64url, the first two being JSON objects.
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        let (signing_input, signature) = token.rsplit_once('.')?;
        let (header, claims) = signing_input.split_once('.')?;
        Some(Self {
            unverified_header: decode_object(header)?,
            unverified_claims: decode_object(claims)?,
            signing_input,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// A header parameter that is a string.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.unverified_header.get(name)?.as_str()
    }

    /// A claim that is a string.
    pub(crate) fn claim(&self, name: &str) -> Option<&str> {
        self.unverified_claims.get(name)?.as_str()
    }

    /// A claim that is a moment. MSAL for .NET writes those of client assertions as strings.
    pub(crate) fn moment(&self, name: &str) -> Option<i64> {
        let value = self.unverified_claims.get(name)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }
}

fn decode_object(part: &str) -> Option<Object> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// The object in a `json!` object literal.
pub(crate) fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

/// The signing input of a token with this header and these claims, both JSON texts.
pub(crate) fn signing_input(header: &str, claims: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

/// The token for a signing input and its signature.
pub(crate) fn token(signing_input: &str, signature: &[u8]) -> String {
    format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Serializes an object with its keys in alphabetical order, so that equal objects give equal texts.
pub(crate) fn to_text(object: &Object) -> String {
    Value::Object(object.clone()).to_string()
}
