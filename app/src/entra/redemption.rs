//! A code to a session (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#redeem-a-code-for-an-access-token>

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    entra::{
        id_token::{self, IdTokenFault},
        refusal::EntraRefusal,
    },
    host::{Host, Limits, SendFault},
    secret::Secret,
    session::Session,
    settings::Settings,
    sign_in::pending::PendingSignIn,
};

/// An answer holds two tokens of a few kB each.
const LIMITS: Limits = Limits { time: Duration::from_secs(15), body: 128 * 1024 };

/// Why a code brought no session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedemptionFault {
    /// Entra did not answer.
    Send(SendFault),
    /// Entra refused.
    Refused(EntraRefusal),
    /// Entra's answer is not what it documents: words for the log.
    Unusable(&'static str),
    /// The id token is not for this sign-in.
    IdToken(IdTokenFault),
}

/// The token endpoint's answer.
#[derive(Deserialize)]
struct Tokens {
    token_type: String,
    access_token: Secret,
    id_token: Secret,
    #[serde(deserialize_with = "seconds")]
    expires_in: u64,
}

/// Some of Entra's endpoints send seconds as a string.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| D::Error::custom("not seconds"))
}

/// Redeems `code` for the tokens of the person who brought it back.
///
/// # Errors
/// See [`RedemptionFault`].
pub async fn redeem<H: Host>(
    host: &H,
    settings: &Settings,
    request_id: Uuid,
    pending: &PendingSignIn,
    code: &str,
) -> Result<Session, RedemptionFault> {
    let request = request(settings, request_id, pending, code).ok_or(RedemptionFault::Unusable("no request"))?;
    let response = host.send(request, LIMITS).await.map_err(RedemptionFault::Send)?;
    let tokens = parse(&response)?;
    let now = host.now();
    let person = id_token::check(tokens.id_token.expose(), settings, &pending.nonce, now);
    let person = person.map_err(RedemptionFault::IdToken)?;
    Ok(Session {
        access_token: tokens.access_token,
        expires_at: now.plus(tokens.expires_in),
        signed_in_at: now,
        name: person.name,
        username: person.username,
        logout_hint: person.logout_hint,
        object_id: person.object_id,
        challenges_in_a_row: pending.challenges_in_a_row,
        challenge_met: false,
    })
}

fn request(settings: &Settings, request_id: Uuid, pending: &PendingSignIn, code: &str) -> Option<Request<Bytes>> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("client_id", &settings.app_client_id.to_string())
        .append_pair("client_secret", settings.app_client_secret.expose())
        .append_pair("code", code)
        .append_pair("code_verifier", pending.code_verifier.expose())
        .append_pair("redirect_uri", &settings.redirect_uri())
        .append_pair("scope", &settings.requested_scope())
        .finish();
    Request::builder()
        .method(Method::POST)
        .uri(settings.entra_endpoint("token"))
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::CONTENT_LENGTH, HeaderValue::from(form.len()))
        .header("client-request-id", request_id.to_string())
        .body(Bytes::from(form))
        .ok()
}

fn parse(response: &Response<Bytes>) -> Result<Tokens, RedemptionFault> {
    if response.status() != StatusCode::OK {
        let refusal = EntraRefusal::at_token_endpoint(response.body());
        return Err(refusal.map_or(RedemptionFault::Unusable("an error status without an error"), |refusal| {
            RedemptionFault::Refused(refusal)
        }));
    }
    let tokens: Tokens = serde_json::from_slice(response.body())
        .map_err(|_| RedemptionFault::Unusable("an answer without the tokens that were asked for"))?;
    if !tokens.token_type.eq_ignore_ascii_case("bearer") {
        return Err(RedemptionFault::Unusable("a token that is not a bearer token"));
    }
    // What goes into a header must be fit for one (RFC 6750 section 2.1).
    if !tokens.access_token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(RedemptionFault::Unusable("an access token with characters that no token has"));
    }
    Ok(tokens)
}
