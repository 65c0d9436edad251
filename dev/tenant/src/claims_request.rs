//! The `claims` parameter (OpenID Connect Core 1.0, section 5.5), as Entra uses it for claims challenges
//! and client capabilities: <https://learn.microsoft.com/entra/identity-platform/claims-challenge>.

use serde_json::{Value, json};

use crate::jwt::Object;

/// The requests for claims of the access token.
#[derive(Clone, Default)]
pub(crate) struct ClaimsRequest(Object);

impl ClaimsRequest {
    /// Reads the parameter; `None` when it is not JSON of the right shape.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut request: Object = serde_json::from_str(text).ok()?;
        match request.remove("access_token") {
            None => Some(Self::default()),
            Some(Value::Object(claims)) => Some(Self(claims)),
            Some(_) => None,
        }
    }

    /// Whether the client declares that it can handle claims challenges.
    pub(crate) fn declares_cp1(&self) -> bool {
        let values = self.0.get("xms_cc").and_then(|request| request.get("values"));
        values.and_then(Value::as_array).is_some_and(|values| {
            values.iter().filter_map(Value::as_str).any(|value| value.eq_ignore_ascii_case("cp1"))
        })
    }

    /// Whether `claim` is requested with a value.
    pub(crate) fn asks_for(&self, claim: &str) -> bool {
        self.0.get(claim).is_some_and(|request| request.get("value").or_else(|| request.get("values")).is_some())
    }

    /// Whether meeting the request takes a second factor, for a Conditional Access policy or authentication context.
    pub(crate) fn needs_second_factor(&self) -> bool {
        self.asks_for("capolids") || self.asks_for("acrs")
    }

    /// The same without the client's capabilities, which each request declares again.
    pub(crate) fn without_capabilities(mut self) -> Self {
        self.0.remove("xms_cc");
        self
    }

    /// These requests, and those of `other`.
    pub(crate) fn merged(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The parameter's value.
    pub(crate) fn to_json(&self) -> Value {
        json!({"access_token": self.0})
    }

    /// Adds the requested claims to a token whose user has met the challenge.
    pub(crate) fn fulfil(&self, claims: &mut Object) {
        for (name, request) in &self.0 {
            let value = request.get("value");
            let granted = match (name.as_str(), value) {
                // A token that is issued now is as fresh as any challenge may ask.
                ("nbf", _) => continue,
                ("acrs", Some(value)) => json!([value]),
                (_, Some(value)) => value.clone(),
                (_, None) => match request.get("values") {
                    Some(values) => values.clone(),
                    None => continue,
                },
            };
            claims.insert(name.clone(), granted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_asked_for_become_claims() {
        let request = ClaimsRequest::parse(
            r#"{"access_token":{"nbf":{"essential":true,"value":"1"},"acrs":{"value":"c1"},
                "capolids":{"essential":true,"values":["p"]},"xms_cc":{"values":["CP1"]},"email":null}}"#,
        )
        .unwrap();
        let mut claims = Object::new();
        request.fulfil(&mut claims);
        assert_eq!(Value::Object(claims), json!({"acrs": ["c1"], "capolids": ["p"], "xms_cc": ["CP1"]}));
        assert!(request.declares_cp1());
        assert!(request.asks_for("capolids") && !request.asks_for("email"));
    }

    #[test]
    fn other_shapes_are_refused() {
        for text in ["", "x", "[]", r#"{"access_token":[]}"#, r#"{"access_token":{}} x"#] {
            assert!(ClaimsRequest::parse(text).is_none(), "{text}");
        }
        assert!(ClaimsRequest::parse(r#"{"id_token":{}}"#).is_some());
    }
}
