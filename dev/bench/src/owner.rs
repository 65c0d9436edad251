//! Whose a response is.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Whether `body` is of the person with this object id: it has the id, as a profile and an app's response do, or a token
/// with it, as the sidecar's responses do.
pub(super) fn is_of(body: &[u8], object_id: &str) -> bool {
    let body = String::from_utf8_lossy(body);
    body.contains(&format!("\"id\":\"{object_id}\"")) || is_subject(&body, object_id).unwrap_or_default()
}

fn is_subject(body: &str, object_id: &str) -> Option<bool> {
    let (_, token) = body.split_once("\"authorizationHeader\":\"Bearer ")?;
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    Some(String::from_utf8_lossy(&claims).contains(&format!("\"oid\":\"{object_id}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_has_its_owners_id_or_a_token_with_it() {
        let token =
            |claims: &str| format!(r#"{{"authorizationHeader":"Bearer e30.{}.AAAA"}}"#, URL_SAFE_NO_PAD.encode(claims));
        for (body, is_own) in [
            (r#"{"id":"a","padding":"0"}"#.to_owned(), true),
            (r#"{"id":"ab"}"#.to_owned(), false),
            (token(r#"{"name":"x","oid":"a"}"#), true),
            (token(r#"{"name":"a","oid":"b"}"#), false),
            (r#"{"authorizationHeader":"Bearer opaque"}"#.to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(is_of(body.as_bytes(), "a"), is_own, "{body}");
        }
    }
}
