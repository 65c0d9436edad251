//! The authorization code grant:
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#redeem-a-code-for-an-access-token>.

use serde_json::Value;

use super::{client_authentication::identify, refresh_token, request::TokenRequest, sign_in_tokens::SignInTokens};
use crate::{
    directory::{
        app_registration::AppRegistration,
        grants::{AuthorizationCode, BadCode},
    },
    entra::{error::EntraError, scope::RequestedScopes},
    time,
};

pub(super) fn grant(request: &TokenRequest<'_>) -> Result<Value, EntraError> {
    let client = identify(request)?;
    let text = request.form.required("code")?;
    let grants = &request.directory.grants;
    let code = grants.code(text, time::now()).map_err(bad_code)?;
    check(request, &client, &code)?;
    let scope = request.form.optional("scope");
    let requested = RequestedScopes::parse(scope.unwrap_or(&code.grant.scope));
    requested.expect_resource(request.form.optional("resource"))?;
    if scope.is_some() {
        requested.expect_one_resource()?;
    }
    let tokens = SignInTokens {
        request,
        client: &client,
        grant: code.grant.clone(),
        requested,
        nonce: code.nonce.as_deref(),
        refresh_expires: time::now() + refresh_token::lifetime(&client),
    };
    let tokens = tokens.issue()?;
    match grants.redeem(text) {
        true => Ok(tokens),
        false => Err(bad_code(BadCode::AlreadyRedeemed)),
    }
}

/// Checks that the client which sends the code is the one that it was sent to.
fn check(request: &TokenRequest<'_>, client: &AppRegistration, code: &AuthorizationCode) -> Result<(), EntraError> {
    let refuse = |code, message: &str| Err(EntraError::new("invalid_grant", code, message));
    if code.grant.client_id != client.client_id {
        return refuse(70000, "The code was issued to another application.");
    }
    request.check_tenant_of(&code.grant.person)?;
    let redirect_uri = request.form.required("redirect_uri")?;
    if client.admit_redirect_uri(redirect_uri).as_ref() != Some(&code.redirect_uri) {
        let message = format!("The redirect URI '{redirect_uri}' is not the one that the code was sent to.");
        return Err(EntraError::new("invalid_client", 500_112, message));
    }
    match (&code.challenge, request.form.optional("code_verifier")) {
        (None, None) => Ok(()),
        (None, Some(_)) => refuse(501_481, "There is a code_verifier, but the request for the code had no challenge."),
        (Some(_), None) => refuse(501_481, "The code_verifier for the code's challenge is missing."),
        (Some(challenge), Some(verifier)) if challenge.is_met_by(verifier) => Ok(()),
        (Some(_), Some(_)) => refuse(501_481, "The code_verifier does not match the code's challenge."),
    }
}

fn bad_code(bad: BadCode) -> EntraError {
    let (code, message) = match bad {
        BadCode::Unknown => (9_002_313, "The code is malformed, or not one of this tenant."),
        BadCode::Expired => (70008, "The code has expired. Send the person to sign in again."),
        BadCode::AlreadyRedeemed => (54005, "The code was redeemed already. Use its refresh token, or get a new code."),
    };
    EntraError::new("invalid_grant", code, message)
}
