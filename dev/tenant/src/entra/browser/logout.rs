//! Signing out (OpenID Connect RP-Initiated Logout 1.0):
//! <https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#send-a-sign-out-request>.

use std::sync::Arc;

use http::{Method, Response};
use url::Url;

use super::{browser_cookie::Browser, pages, recipient};
use crate::{
    directory::{Directory, app_registration::AppRegistration},
    entra::{authority::Authority, error::EntraError, parameters::Parameters},
    jwt::UnverifiedJwt,
    wire::{IncomingRequest, ResponseBody},
};

pub(crate) fn respond(directory: &Directory, incoming: &IncomingRequest, tenant: &str) -> Response<ResponseBody> {
    sign_out(directory, incoming, tenant).unwrap_or_else(|failure| pages::failure(&failure, incoming))
}

fn sign_out(
    directory: &Directory,
    incoming: &IncomingRequest,
    tenant: &str,
) -> Result<Response<ResponseBody>, EntraError> {
    Authority::of(directory, tenant)?;
    let parameters = match incoming.method {
        Method::POST => Parameters::of_form(incoming)?,
        _ => Parameters::of_query(incoming)?,
    };
    let client = client(directory, &parameters)?;
    let uri = parameters.optional("post_logout_redirect_uri");
    let mut response = match uri.and_then(|uri| admitted(directory, client.as_deref(), uri)) {
        Some(mut uri) => {
            if let Some(state) = parameters.optional("state") {
                uri.query_pairs_mut().append_pair("state", state);
            }
            recipient::redirect(&uri)
        }
        None => pages::message("Signed out", "You are signed out. You can close this page."),
    };
    Browser::of(directory, incoming).end(&mut response);
    Ok(response)
}

/// The application from which the person signs out, if the request names it.
fn client(directory: &Directory, parameters: &Parameters) -> Result<Option<Arc<AppRegistration>>, EntraError> {
    let client_id = match parameters.optional("id_token_hint") {
        Some(token) => Some(audience(directory, token)?),
        None => parameters.optional("client_id").map(ToOwned::to_owned),
    };
    let find = |client_id: String| {
        directory.application(&client_id).ok_or_else(|| EntraError::unknown_application(&client_id))
    };
    client_id.map(find).transpose()
}

/// The audience of an id token, which may have expired (section 2 of the specification).
fn audience(directory: &Directory, token: &str) -> Result<String, EntraError> {
    let verified = || {
        let jwt = UnverifiedJwt::parse(token)?;
        let key = directory.keys.find(jwt.header("kid")?)?;
        let is_right =
            jwt.header("alg") == Some("RS256") && key.verifies_rs256(jwt.signing_input.as_bytes(), &jwt.signature);
        is_right.then(|| jwt.claim("aud").map(ToOwned::to_owned))?
    };
    let message = "The id_token_hint is not an id token of this login host.";
    verified().ok_or_else(|| EntraError::new("invalid_request", 50027, message))
}

/// The URI, if the application, or any where none is known, has it registered.
fn admitted(directory: &Directory, client: Option<&AppRegistration>, uri: &str) -> Option<Url> {
    match client {
        Some(client) => client.admit_redirect_uri(uri),
        None => directory.applications.all().iter().find_map(|application| application.admit_redirect_uri(uri)),
    }
}
