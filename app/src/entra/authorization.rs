//! Entra's authorization endpoint: the request that sends a person there (OpenID Connect Core section 3.1.2.1, with PKCE,
//! RFC 7636), and the response that they bring back (sections 3.1.2.5 and 3.1.2.6).
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#request-an-authorization-code>

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::refusal::EntraRefusal;
use crate::{secret::Secret, settings::AppSettings};

/// This app can answer a claims challenge.
/// <https://learn.microsoft.com/entra/identity-platform/claims-challenge#client-capabilities>
const CLIENT_CAPABILITY: &str = "cp1";

/// What varies from one authorization request to the next.
#[derive(Debug, Default)]
pub(crate) struct AuthorizationOptions<'a> {
    /// What Entra must show.
    pub(crate) prompt: Option<Prompt>,
    /// The account to sign in with.
    pub(crate) login_hint: Option<&'a str>,
    /// The claims of a challenge: a JSON object.
    pub(crate) claims: Option<&'a str>,
}

/// What Entra shows even where single sign-on would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// It asks for the credentials.
    Login,
    /// It lists the accounts.
    SelectAccount,
}

/// The address to send a person to. `state` ties the response to the browser, `nonce` the id token and `code_verifier`
/// the redemption to this sign-in.
pub(crate) fn authorization_url(
    settings: &AppSettings,
    state: &str,
    nonce: &str,
    code_verifier: &Secret,
    options: &AuthorizationOptions<'_>,
) -> String {
    let code_challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(code_verifier.expose()));
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("client_id", &settings.app_client_id.to_string())
        .append_pair("response_type", "code")
        .append_pair("response_mode", "query")
        .append_pair("redirect_uri", &settings.redirect_uri())
        .append_pair("scope", &settings.requested_scope())
        .append_pair("state", state)
        .append_pair("nonce", nonce)
        .append_pair("code_challenge", &code_challenge)
        .append_pair("code_challenge_method", "S256")
        .append_pair("claims", &requested_claims(options.claims));
    match options.prompt {
        Some(Prompt::Login) => drop(query.append_pair("prompt", "login")),
        Some(Prompt::SelectAccount) => drop(query.append_pair("prompt", "select_account")),
        None => {}
    }
    if let Some(login_hint) = options.login_hint {
        query.append_pair("login_hint", login_hint);
    }
    format!("{}?{}", settings.entra_endpoint("authorize"), query.finish())
}

/// The claims of a challenge, and this app's capability among those of the access token.
fn requested_claims(challenge: Option<&str>) -> String {
    let mut claims: Map<String, Value> = challenge.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let access_token = claims.entry("access_token").or_insert_with(|| json!({}));
    if let Some(access_token) = access_token.as_object_mut() {
        access_token.insert("xms_cc".to_owned(), json!({ "values": [CLIENT_CAPABILITY] }));
    }
    Value::Object(claims).to_string()
}

/// What Entra added to the redirect URI.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AuthorizationResponse {
    /// The state of the request that it answers.
    pub(crate) state: String,
    /// A code to redeem, or why there is none.
    pub(crate) code: Result<String, EntraRefusal>,
}

impl AuthorizationResponse {
    /// `None` unless there is one state, and either one code or one error.
    pub(crate) fn parse(query: &str) -> Option<Self> {
        let state = only_value(query, "state")?;
        let code = match (only_value(query, "code"), only_value(query, "error")) {
            (Some(code), None) => Ok(code),
            (None, Some(error)) => {
                let subcode = only_value(query, "error_subcode");
                let description = only_value(query, "error_description").unwrap_or_default();
                Err(EntraRefusal::at_authorization(&error, subcode.as_deref(), &description))
            }
            _ => return None,
        };
        Some(Self { state, code })
    }
}

/// The value of a parameter that occurs once and is not empty.
fn only_value(query: &str, name: &str) -> Option<String> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(own, _)| own == name).map(|(_, value)| value);
    let value = values.next().filter(|value| !value.is_empty())?;
    if values.next().is_some() { None } else { Some(value.into_owned()) }
}

#[cfg(test)]
mod tests {
    use super::{AuthorizationResponse, requested_claims};
    use crate::entra::refusal::RefusalKind;

    #[test]
    fn a_response_holds_a_state_and_either_a_code_or_an_error() {
        let parse = AuthorizationResponse::parse;
        assert_eq!(parse("code=c%2B1&state=s&session_state=x").unwrap().code.unwrap(), "c+1");
        let refusal = parse("error=access_denied&error_subcode=cancel&state=s").unwrap().code.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Cancelled);
        for query in ["", "code=c", "state=s", "state=s&code=", "code=c&state=s&state=s", "code=c&error=e&state=s"] {
            assert_eq!(parse(query), None, "{query}");
        }
    }

    #[test]
    fn the_capability_joins_the_claims_of_a_challenge() {
        for (challenge, expected) in [
            (None, r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#),
            (
                Some(r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#),
                r#"{"access_token":{"acrs":{"essential":true,"value":"c1"},"xms_cc":{"values":["cp1"]}}}"#,
            ),
            (
                Some(r#"{"id_token":{"auth_time":{"essential":true}}}"#),
                r#"{"access_token":{"xms_cc":{"values":["cp1"]}},"id_token":{"auth_time":{"essential":true}}}"#,
            ),
        ] {
            assert_eq!(requested_claims(challenge), expected);
        }
    }
}
