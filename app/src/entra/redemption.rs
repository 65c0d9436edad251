//! Redeems an authorization code for tokens (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#redeem-a-code-for-an-access-token>

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use uuid::Uuid;

use super::{
    id_token::{self, IdTokenFault, SignedInPerson},
    refusal::EntraRefusal,
};
use entra_obo::{
    host::{Host, UnixTime},
    toolkit::{
        CLIENT_REQUEST_ID, Deadline, Step, UpstreamFault,
        call::{ENTRA, fetch_once},
    },
};

use crate::{secret::Secret, settings::AppSettings};

/// A response holds two tokens of a few kB each.
const REDEMPTION: Step =
    Step { service: ENTRA, name: "redemption", timeout: Duration::from_secs(15), max_body: 128 * 1024 };

/// What a code was redeemed for.
#[derive(Debug)]
pub(crate) struct RedeemedCode {
    /// The token for the API.
    pub(crate) access_token: Secret,
    /// When that token expires.
    pub(crate) expires_at: UnixTime,
    /// Who signed in.
    pub(crate) person: SignedInPerson,
}

/// Why a code was not redeemed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RedemptionFault {
    /// Entra did not respond.
    Call(UpstreamFault),
    /// Entra refused.
    Refused(EntraRefusal),
    /// The response is not what Entra documents; the text is for the log.
    Unusable(&'static str),
    /// The id token does not belong to this sign-in.
    IdToken(IdTokenFault),
}

/// The token endpoint's response.
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

/// Redeems `code`, for the sign-in that `code_verifier` and `nonce` belong to.
///
/// # Errors
/// See [`RedemptionFault`].
pub(crate) async fn redeem<H: Host>(
    host: &H,
    settings: &AppSettings,
    request_id: Uuid,
    code: &str,
    code_verifier: &Secret,
    nonce: &str,
) -> Result<RedeemedCode, RedemptionFault> {
    let request = request(settings, request_id, code, code_verifier);
    let request = request.ok_or(RedemptionFault::Unusable("no request"))?;
    let deadline = Deadline::after(host.elapsed(), REDEMPTION.timeout);
    let response = fetch_once(host, deadline, REDEMPTION, &request).await.map_err(RedemptionFault::Call)?;
    let tokens = parse(&response)?;
    let now = host.now();
    let person = id_token::check(tokens.id_token.expose(), settings, nonce, now).map_err(RedemptionFault::IdToken)?;
    Ok(RedeemedCode { access_token: tokens.access_token, expires_at: now.plus(tokens.expires_in), person })
}

fn request(settings: &AppSettings, request_id: Uuid, code: &str, code_verifier: &Secret) -> Option<Request<Bytes>> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("client_id", &settings.app_client_id.to_string())
        .append_pair("client_secret", settings.app_client_secret.expose())
        .append_pair("code", code)
        .append_pair("code_verifier", code_verifier.expose())
        .append_pair("redirect_uri", &settings.redirect_uri())
        .append_pair("scope", &settings.requested_scope())
        .finish();
    Request::builder()
        .method(Method::POST)
        .uri(settings.entra_endpoint("token"))
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::CONTENT_LENGTH, HeaderValue::from(form.len()))
        .header(CLIENT_REQUEST_ID, request_id.to_string())
        .body(Bytes::from(form))
        .ok()
}

fn parse(response: &Response<Bytes>) -> Result<Tokens, RedemptionFault> {
    if response.status() != StatusCode::OK {
        let refusal = EntraRefusal::at_token_endpoint(response.body());
        return Err(
            refusal.map_or(RedemptionFault::Unusable("an error status without an error"), RedemptionFault::Refused)
        );
    }
    let tokens: Tokens = serde_json::from_slice(response.body())
        .map_err(|_| RedemptionFault::Unusable("a response without the requested tokens"))?;
    if !tokens.token_type.eq_ignore_ascii_case("bearer") {
        return Err(RedemptionFault::Unusable("a token that is not a bearer token"));
    }
    // It is sent in a header (RFC 6750 section 2.1).
    if !tokens.access_token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(RedemptionFault::Unusable("an access token with invalid characters"));
    }
    Ok(tokens)
}
