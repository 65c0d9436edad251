//! Finds secrets and identifiers that a recording must not have, in case a response has new members.

use std::sync::LazyLock;

use regex_lite::Regex;
use serde_json::Value;

use super::{file::Recording, text};

/// The beginning of a JSON object in base64: of a token's header, or of claims.
static ENCODED: LazyLock<Regex> = LazyLock::new(|| text::pattern(r"eyJ[\w-]{8,}"));
/// Longer than a GUID and than any word of these protocols; Entra's secrets have 40 characters.
static OPAQUE: LazyLock<Regex> = LazyLock::new(|| text::pattern(r"[A-Za-z0-9_~+=-]{37,}"));

/// Why `recording` must not be written. `secrets` are those that are known, and the names of the tenant.
pub fn leak(recording: &Recording, secrets: &[String]) -> Option<String> {
    let mut texts = recording.headers.clone().unwrap_or_default();
    strings(recording.body.as_ref().unwrap_or(&Value::Null), &mut texts);
    texts.iter().find_map(|text| {
        let place = text.split([':', ' ']).next().unwrap_or_default();
        if secrets.iter().any(|secret| !secret.is_empty() && text.contains(secret.as_str())) {
            Some("it has a secret, a token or a name of the tenant".to_owned())
        } else if text::has_id(text) {
            Some(format!("an id is left in it, near {place:?}"))
        } else if ENCODED.is_match(text) || OPAQUE.is_match(text) {
            Some("it has what may be an unknown token or secret".to_owned())
        } else {
            None
        }
    })
}

fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| strings(value, found)),
        Value::Object(members) => members.values().for_each(|value| strings(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => (),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn recording(headers: &[&str], body: Value) -> Recording {
        Recording {
            source: "test".into(),
            recorded: "2026-01-31".into(),
            host: "login.example".into(),
            server: None,
            is_partial: false,
            status: 200,
            headers: Some(headers.iter().map(ToString::to_string).collect()),
            body: Some(body),
        }
    }

    #[test]
    fn a_recording_that_still_holds_something_is_refused() {
        let secrets = ["the-secret".to_owned(), "contoso.example".to_owned(), String::new()];
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiJ4In0.c2lnbmF0dXJl";
        for (headers, body) in [
            (vec![], json!({"echo": ["the-secret"]})),
            (vec![], json!({"a": {"b": "ada@contoso.example"}})),
            (vec![], json!({"token": token})),
            (vec!["x-new: eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="], json!({})),
            (vec![], json!({"id": "47a23f57-3717-4857-8fab-b3485aeba800"})),
            (vec!["location: https://login.example/47a23f57-3717-4857-8fab-b3485aeba800"], json!({})),
            (vec!["set-cookie: fpc=AvDTzrc1L31HvvdUKvobXTxi48buFAAAANkOBt4O; path=/"], json!({})),
            (vec![], json!({"refresh": "0.AXkA1x~Zq-8Q_abcdefghijklmnopqrstuvwxyz0123456789"})),
        ] {
            assert!(leak(&recording(&headers, body.clone()), &secrets).is_some(), "{headers:?} {body}");
        }
    }

    #[test]
    fn what_is_the_same_for_everybody_may_be_published() {
        let headers = ["p3p: CP=\"DSP CUR OTPi IND OTRi ONL FIN\"", "x-ms-clitelem: 1,50173,0,<number>,"];
        let body = json!({
            "tls_client_certificate_bound_access_tokens": true,
            "error_uri": "https://login.microsoftonline.com/error?code=7000215",
            "client_id": "00000003-0000-0000-c000-000000000000",
        });
        assert_eq!(leak(&recording(&headers, body), &["secret".to_owned()]), None);
    }
}
