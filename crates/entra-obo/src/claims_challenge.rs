//! The claims that a token must satisfy, as Entra and downstream APIs ask for them.
//!
//! <https://learn.microsoft.com/entra/identity-platform/claims-challenge>

use serde_json::{Map, Value, json};

use crate::strict_json;

/// The longest claims challenge that is passed on: it has to fit into a header, in base64, and into the address of Entra's
/// page. One that lists a hundred policies fits.
const MAX_CLAIMS_BYTES: usize = 4096;

/// A `claims` parameter (OpenID Connect Core 1.0 section 5.5): a JSON object of at most 4,096 bytes, so that a header can
/// carry it.
///
/// Entra refuses an exchange with one, and a downstream API refuses a request with one, when the caller must sign in again
/// so that these claims are satisfied. <https://learn.microsoft.com/entra/identity-platform/claims-challenge>
///
/// ```
/// use entra_obo::ClaimsChallenge;
///
/// let challenge = ClaimsChallenge::parse(r#"{ "access_token": { "acrs": { "essential": true, "value": "c1" } } }"#);
/// assert_eq!(challenge.unwrap().as_str(), r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#);
///
/// // With a repeated member, two parsers could read different claims.
/// assert_eq!(ClaimsChallenge::parse(r#"{"access_token":{},"access_token":{"acrs":null}}"#), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClaimsChallenge {
    text: String,
    members: Map<String, Value>,
}

impl ClaimsChallenge {
    /// `None` for anything but one JSON object without repeated members, and for one that is too large.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > MAX_CLAIMS_BYTES {
            return None;
        }
        let members = strict_json::object(text.as_bytes()).ok()?;
        // Serialised again, a number can be longer: 1e15 becomes 1000000000000000.0.
        let text = Value::Object(members.clone()).to_string();
        (text.len() <= MAX_CLAIMS_BYTES).then_some(Self { text, members })
    }

    /// The claims as JSON.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The `claims` parameter of a token request: those of a challenge, and the client capability `cp1`.
///
/// It declares that this API understands claims challenges, so that Graph may send them and Entra may issue tokens that
/// live as long as nothing changes.
///
/// <https://learn.microsoft.com/entra/identity-platform/app-resilience-continuous-access-evaluation>
#[must_use]
pub(crate) fn claims_to_request(challenge: Option<&ClaimsChallenge>) -> String {
    let mut claims = challenge.map(|challenge| challenge.members.clone()).unwrap_or_default();
    let access_token = claims.entry("access_token").or_insert_with(|| json!({}));
    if !access_token.is_object() {
        *access_token = json!({});
    }
    if let Value::Object(members) = access_token {
        members.insert("xms_cc".to_owned(), json!({"values": ["cp1"]}));
    }
    Value::Object(claims).to_string()
}

#[cfg(test)]
mod tests {
    use super::{ClaimsChallenge, MAX_CLAIMS_BYTES, claims_to_request};

    #[test]
    fn the_capability_is_declared_with_any_challenge() {
        assert_eq!(claims_to_request(None), r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#);
        let challenge = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}},"userinfo":{}}"#;
        assert_eq!(
            claims_to_request(ClaimsChallenge::parse(challenge).as_ref()),
            r#"{"access_token":{"nbf":{"essential":true,"value":"1"},"xms_cc":{"values":["cp1"]}},"userinfo":{}}"#
        );
        let odd = ClaimsChallenge::parse(r#"{"access_token":[]}"#);
        assert_eq!(claims_to_request(odd.as_ref()), claims_to_request(None));
    }

    #[test]
    fn only_one_object_of_limited_size_is_a_challenge() {
        let long = format!(r#"{{"a":"{}"}}"#, "b".repeat(MAX_CLAIMS_BYTES));
        for text in ["", "not json", "[]", "null", "{} {}", r#"{"a":1,"a":2}"#, &long] {
            assert_eq!(ClaimsChallenge::parse(text), None, "{text}");
        }
    }
}
