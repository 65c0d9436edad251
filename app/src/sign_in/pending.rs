//! The way to Entra: the authorization request (OpenID Connect Core section 3.1.2.1) with PKCE (RFC 7636), and what the
//! browser keeps until the person is back.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#request-an-authorization-code>

use std::{borrow::Cow, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    host::{Host, UnixTime},
    secret::Secret,
    session::cookies::{Cookies, SealedCookie, TooLarge},
    settings::Settings,
};

/// How long a person may take at Entra.
pub(crate) const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// What the names of the cookies begin with. The state follows, so that tabs do not overwrite each other's.
const COOKIE_PREFIX: &str = "profile-sign-in-";

/// How many sign-ins one browser may have open: a few tabs, and far from what proxies allow a request's headers.
const MAX_OPEN: usize = 5;

/// How many cookies of this kind a request is searched for, so that nobody makes it work at length. This app lets a
/// browser keep fewer, but for tabs that begin at the same moment.
const MAX_SEARCHED: usize = 16;

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

/// A sign-in that has begun and is not finished.
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
        Self::make_room(cookies, settings, pending.began_at);
        let content = serde_json::to_vec(&pending).map_err(|_| TooLarge)?;
        cookies.set(host, &cookie(&pending.state), settings, content)?;
        Ok(pending.authorization_url(settings, request))
    }

    /// The sign-in that this browser began with `state`, unless it took too long. The browser forgets it; that a kept
    /// cookie is of no use either is up to `used_sign_ins`.
    #[must_use]
    pub fn take(cookies: &Cookies, settings: &Settings, state: &str, now: UnixTime) -> Option<Self> {
        let pending = Self::read(cookies, settings, state)?;
        cookies.clear(&cookie(state), settings);
        (!pending.has_expired(now)).then_some(pending)
    }

    fn read(cookies: &Cookies, settings: &Settings, state: &str) -> Option<Self> {
        let pending: Self = serde_json::from_slice(&cookies.open(&cookie(state), settings)?).ok()?;
        (pending.state == state).then_some(pending)
    }

    fn has_expired(&self, now: UnixTime) -> bool {
        now.since(self.began_at) >= LIFETIME.as_secs()
    }

    /// Lets the browser forget what nobody can finish any more, and the oldest of what leaves no room for one more.
    fn make_room(cookies: &Cookies, settings: &Settings, now: UnixTime) {
        let mut open = Vec::new();
        for state in cookies.suffixes(COOKIE_PREFIX, settings).take(MAX_SEARCHED) {
            match Self::read(cookies, settings, state) {
                Some(pending) if !pending.has_expired(now) => open.push((pending.began_at, state)),
                _ => cookies.clear(&cookie(state), settings),
            }
        }
        open.sort_unstable();
        let surplus = open.len().saturating_add(1).saturating_sub(MAX_OPEN);
        for (_, state) in open.into_iter().take(surplus) {
            cookies.clear(&cookie(state), settings);
        }
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

/// The cookie of the sign-in that began with `state`.
fn cookie(state: &str) -> SealedCookie {
    SealedCookie { name: Cow::Owned(format!("{COOKIE_PREFIX}{state}")), lifetime: Some(LIFETIME) }
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
