//! Signing out (OpenID Connect RP-Initiated Logout 1.0):
//! <https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#send-a-sign-out-request>.

use http::{Method, Response};
use url::Url;

use super::{Authority, browser_cookie::Browser, failure::Failure, pages, parameters::Parameters, recipient};
use crate::{
    application::Application,
    directory::Directory,
    jwt::UnverifiedJwt,
    wire::{Body, Incoming},
};

pub(super) fn answer(directory: &Directory, incoming: &Incoming, tenant: &str) -> Response<Body> {
    sign_out(directory, incoming, tenant).unwrap_or_else(|failure| pages::failure(&failure, incoming))
}

fn sign_out(directory: &Directory, incoming: &Incoming, tenant: &str) -> Result<Response<Body>, Failure> {
    Authority::of(directory, tenant)?;
    let parameters = match incoming.method {
        Method::POST => Parameters::of_form(incoming)?,
        _ => Parameters::of_query(incoming)?,
    };
    let client = client(directory, &parameters)?;
    let uri = parameters.optional("post_logout_redirect_uri");
    let mut answer = match uri.and_then(|uri| admitted(directory, client, uri)) {
        Some(mut uri) => {
            if let Some(state) = parameters.optional("state") {
                uri.query_pairs_mut().append_pair("state", state);
            }
            recipient::redirect(&uri)
        }
        None => pages::message("Signed out", "You are signed out here. You can close this page."),
    };
    Browser::of(directory, incoming).end(&mut answer);
    Ok(answer)
}

/// The application that the person comes from, where the request says which.
fn client<'d>(directory: &'d Directory, parameters: &Parameters) -> Result<Option<&'d Application>, Failure> {
    let client_id = match parameters.optional("id_token_hint") {
        Some(token) => Some(audience(directory, token)?),
        None => parameters.optional("client_id").map(ToOwned::to_owned),
    };
    let find =
        |client_id: String| directory.application(&client_id).ok_or_else(|| Failure::unknown_application(&client_id));
    client_id.map(find).transpose()
}

/// The audience of an id token. It may have expired: section 2 of the specification wants it taken all the same.
fn audience(directory: &Directory, token: &str) -> Result<String, Failure> {
    let verified = || {
        let jwt = UnverifiedJwt::parse(token)?;
        let key = directory.keys.find(jwt.header("kid")?)?;
        let is_right =
            jwt.header("alg") == Some("RS256") && key.verifies_rs256(jwt.signing_input.as_bytes(), &jwt.signature);
        is_right.then(|| jwt.claim("aud").map(ToOwned::to_owned))?
    };
    let message = "The id_token_hint is not an id token of this login host.";
    verified().ok_or_else(|| Failure::new("invalid_request", 50027, message))
}

/// The URI, if the application, or any where none is known, has it registered.
fn admitted(directory: &Directory, client: Option<&Application>, uri: &str) -> Option<Url> {
    match client {
        Some(client) => client.admit_redirect_uri(uri),
        None => directory.applications().iter().find_map(|application| application.admit_redirect_uri(uri)),
    }
}
