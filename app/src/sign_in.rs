//! The way to Entra: the authorization request (OpenID Connect Core section 3.1.2.1) with PKCE (RFC 7636), and what the
//! browser keeps until the person is back.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#request-an-authorization-code>

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    cookies::{Cookies, SealedCookie, TooLarge},
    host::{Host, UnixTime},
    secret::Secret,
    settings::Settings,
};

/// How long a person may take at Entra.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

const COOKIE: SealedCookie = SealedCookie { name: "profile-sign-in", lifetime: Some(LIFETIME) };

/// What this app can do: handle a claims challenge.
/// <https://learn.microsoft.com/entra/identity-platform/claims-challenge#client-capabilities>
const CLIENT_CAPABILITY: &str = "cp1";

/// What Entra is asked for beside the usual.
#[derive(Debug, Default)]
pub struct SignInRequest<'a> {
    /// What Entra shows even if it need not.
    pub prompt: Option<Prompt>,
    /// The account that is meant.
    pub login_hint: Option<&'a str>,
    /// The claims of a challenge.
    pub claims: Option<&'a str>,
    /// How many challenges in a row this sign-in answers.
    pub challenges_in_a_row: u8,
}

/// What Entra shows even if it need not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// The credentials are asked for again.
    Login,
    /// The list of accounts.
    SelectAccount,
}

/// A sign-in that has begun and is not over.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingSignIn {
    /// Ties Entra's answer to this browser.
    pub state: String,
    /// Ties the id token to this sign-in.
    pub nonce: String,
    /// Ties the redemption of the code to this sign-in.
    pub code_verifier: Secret,
    /// How many challenges in a row it answers.
    pub challenges_in_a_row: u8,
    began_at: UnixTime,
}

impl PendingSignIn {
    /// Begins a sign-in: the address at Entra to send the person to. What must be known afterwards is in a cookie.
    ///
    /// # Errors
    /// [`TooLarge`], which cannot be: all of it is short.
    pub fn begin<H: Host>(
        host: &H,
        cookies: &Cookies,
        settings: &Settings,
        request: &SignInRequest<'_>,
    ) -> Result<String, TooLarge> {
        let pending = Self {
            state: URL_SAFE_NO_PAD.encode(host.random()),
            nonce: URL_SAFE_NO_PAD.encode(host.random()),
            code_verifier: Secret::new(URL_SAFE_NO_PAD.encode([host.random(), host.random()].concat())),
            challenges_in_a_row: request.challenges_in_a_row,
            began_at: host.now(),
        };
        let content = serde_json::to_vec(&pending).map_err(|_| TooLarge)?;
        cookies.set(host, &COOKIE, settings, content)?;
        Ok(pending.authorization_url(settings, request))
    }

    /// The sign-in that this browser began with `state`, unless it took too long. Nobody can take it again.
    #[must_use]
    pub fn take(cookies: &Cookies, settings: &Settings, state: &str, now: UnixTime) -> Option<Self> {
        let pending: Self = serde_json::from_slice(&cookies.open(&COOKIE, settings)?).ok()?;
        // Of another state it belongs to another tab, which may yet come back.
        if pending.state != state {
            return None;
        }
        cookies.clear(&COOKIE, settings);
        (now.since(pending.began_at) < LIFETIME.as_secs()).then_some(pending)
    }

    fn authorization_url(&self, settings: &Settings, request: &SignInRequest<'_>) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(self.code_verifier.expose()));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("client_id", &settings.app_client_id.to_string())
            .append_pair("response_type", "code")
            .append_pair("response_mode", "query")
            .append_pair("redirect_uri", &settings.redirect_uri())
            .append_pair("scope", &settings.requested_scope())
            .append_pair("state", &self.state)
            .append_pair("nonce", &self.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("claims", &requested_claims(request.claims));
        if let Some(prompt) = request.prompt {
            let word = match prompt {
                Prompt::Login => "login",
                Prompt::SelectAccount => "select_account",
            };
            query.append_pair("prompt", word);
        }
        if let Some(login_hint) = request.login_hint {
            query.append_pair("login_hint", login_hint);
        }
        format!("{}?{}", settings.entra_endpoint("authorize"), query.finish())
    }
}

/// The claims of a challenge, and this app's capability among those of the access token.
fn requested_claims(challenge: Option<&str>) -> String {
    let mut claims: serde_json::Map<String, serde_json::Value> =
        challenge.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let access_token = claims.entry("access_token").or_insert_with(|| serde_json::json!({}));
    if let Some(access_token) = access_token.as_object_mut() {
        access_token.insert("xms_cc".to_owned(), serde_json::json!({ "values": [CLIENT_CAPABILITY] }));
    }
    serde_json::Value::Object(claims).to_string()
}

#[cfg(test)]
mod tests {
    use super::requested_claims;

    #[test]
    fn the_capability_is_declared_beside_the_claims_of_a_challenge() {
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
