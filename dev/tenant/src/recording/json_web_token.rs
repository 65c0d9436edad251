//! The outline of a token: the names of its header parameters and claims, with the types of their values.

use serde_json::{Map, Value, json};

use super::text;
use crate::jwt::UnverifiedJwt;

/// Parameters and claims whose values are the same in every tenant.
const KEPT: [&str; 8] = ["alg", "typ", "ver", "azpacr", "appidacr", "idtyp", "scp", "xms_cc"];

/// The publishable part of a token; `None` when it is not a JSON Web Token. `named` replaces the names of this tenant.
pub(super) fn outline(token: &str, named: impl Fn(&str) -> String) -> Option<Value> {
    let jwt = UnverifiedJwt::parse(token)?;
    let members = |members: &Map<String, Value>| -> Map<String, Value> {
        members.iter().map(|(name, value)| (name.clone(), typed(name, value, &named))).collect()
    };
    Some(json!({"jwt": {"header": members(&jwt.unverified_header), "claims": members(&jwt.unverified_claims)}}))
}

fn typed(name: &str, value: &Value, named: &impl Fn(&str) -> String) -> Value {
    match value {
        _ if KEPT.contains(&name) => value.clone(),
        Value::String(text) => {
            let text = text::typed(&named(text));
            let says_what_it_is = text.starts_with('<') || text.starts_with("https://") || text.starts_with("api://");
            if says_what_it_is { text.into() } else { "<text>".into() }
        }
        Value::Number(number) if number.as_u64().is_some_and(is_moment) => "<unix-time>".into(),
        Value::Number(_) => "<number>".into(),
        Value::Array(_) => "<array>".into(),
        Value::Object(_) => "<object>".into(),
        Value::Bool(_) | Value::Null => value.clone(),
    }
}

/// Whether a number can be seconds since the Unix epoch, in this century.
pub(super) fn is_moment(number: u64) -> bool {
    (900_000_000..=9_999_999_999).contains(&number)
}
