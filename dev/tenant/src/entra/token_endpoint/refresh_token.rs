//! The refresh token grant:
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#refresh-the-access-token>.

use serde_json::Value;

use super::{client_authentication::identify, request::TokenRequest, sign_in_tokens::SignInTokens};
use crate::{
    directory::app_registration::{AppRegistration, Platform},
    entra::{error::EntraError, scope::RequestedScopes},
    time,
};

/// How long a refresh token lives, in seconds.
pub(super) fn lifetime(client: &AppRegistration) -> i64 {
    const DAY: i64 = 24 * 3600;
    match client.platform() {
        Platform::Web => 90 * DAY,
        Platform::SinglePage => DAY,
    }
}

pub(super) fn grant(request: &TokenRequest<'_>) -> Result<Value, EntraError> {
    let client = identify(request)?;
    let refuse = |code, message: &str| EntraError::new("invalid_grant", code, message);
    let text = request.form.required("refresh_token")?;
    let token = request.directory.grants.refresh_token(text);
    let token = token.ok_or_else(|| refuse(9_002_313, "The refresh token is malformed, or not one of this tenant."))?;
    if token.grant.client_id != client.client_id {
        return Err(refuse(70000, "The refresh token was issued to another application."));
    }
    request.check_tenant_of(&token.grant.person)?;
    if request.directory.sessions.has_ended(&token.grant.person.object_id, &token.grant.session_id) {
        return Err(EntraError::session_revoked());
    }
    let now = time::now();
    let refresh_expires = match client.platform() {
        Platform::SinglePage if token.expires <= now => {
            let message = "The refresh token of a single-page application has a fixed lifetime and has expired.";
            return Err(refuse(700_084, message));
        }
        Platform::Web if token.expires <= now => {
            return Err(refuse(700_082, "The refresh token has not been used for too long."));
        }
        // The next one expires when the first one would have.
        Platform::SinglePage => token.expires,
        Platform::Web => now + lifetime(&client),
    };
    let scope = token.grant.scope.clone();
    let requested = RequestedScopes::parse(request.form.optional("scope").unwrap_or(&scope));
    requested.expect_resource(request.form.optional("resource"))?;
    SignInTokens { request, client: &client, grant: token.grant, requested, nonce: None, refresh_expires }.issue()
}
