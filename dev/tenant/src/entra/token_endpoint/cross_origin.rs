//! Token requests from browsers (CORS, and Entra's rules for the header `Origin`):
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#redirect-uris-for-single-page-apps-spas>.

use http::{Response, StatusCode, header};

use crate::{
    directory::{
        Directory,
        app_registration::{AppRegistration, Platform},
    },
    entra::error::EntraError,
    wire::{self, IncomingRequest, ResponseBody},
};

/// Refuses single-page applications' requests without an origin, and all others with one.
pub(super) fn check(client: &AppRegistration, incoming: &IncomingRequest) -> Result<(), EntraError> {
    match (client.platform(), incoming.header("origin")) {
        (Platform::SinglePage, None) => {
            let message = "Tokens issued to a single-page application can only be redeemed by cross-origin requests.";
            Err(EntraError::new("invalid_request", 9_002_327, message))
        }
        (_, Some(origin)) if !client.runs_at_origin(origin) => {
            let message = format!(
                "Cross-origin requests are for single-page applications, from where their redirect URIs are. The \
                 origin of this request is '{origin}'."
            );
            Err(EntraError::new("invalid_request", 9_002_326, message))
        }
        _ => Ok(()),
    }
}

/// Answers a preflight request.
pub(super) fn preflight(directory: &Directory, incoming: &IncomingRequest) -> Response<ResponseBody> {
    let mut response = wire::response(StatusCode::OK, "text/plain", "");
    allow(directory, incoming, &mut response);
    if let Some(asked) = incoming.header("access-control-request-headers") {
        wire::set_header(&mut response, header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
    }
    wire::set_header(&mut response, header::ACCESS_CONTROL_ALLOW_METHODS, "POST, OPTIONS");
    response
}

/// Lets the page read the answer if it is one of a registered single-page application.
pub(super) fn allow(directory: &Directory, incoming: &IncomingRequest, response: &mut Response<ResponseBody>) {
    let Some(origin) = incoming.header("origin") else { return };
    wire::set_header(response, header::VARY, "Origin");
    if directory.applications.all().iter().any(|application| application.runs_at_origin(origin)) {
        wire::set_header(response, header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        wire::set_header(
            response,
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "Content-Length, Content-Encoding, x-ms-request-id, client-request-id",
        );
    }
}
