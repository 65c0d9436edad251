//! The token endpoint: reads the request and hands it to its grant.

mod assertion;
mod authorization_code;
mod client_authentication;
mod client_credentials;
mod cross_origin;
mod exchange_rules;
mod federated_assertion;
mod on_behalf_of;
mod refresh_token;
mod request;
mod sign_in_tokens;

use http::{Method, Response, StatusCode};
use serde_json::Value;

use super::{
    authority::Authority, error::EntraError, parameters::Parameters, request_ids::RequestIds, response_headers,
};
use crate::{
    directory::Directory,
    wire::{self, IncomingRequest, ResponseBody},
};
use request::TokenRequest;

pub(super) fn respond(directory: &Directory, incoming: &IncomingRequest, tenant: &str) -> Response<ResponseBody> {
    if incoming.method == Method::OPTIONS {
        return cross_origin::preflight(directory, incoming);
    }
    let mut response = match grant(directory, incoming, tenant) {
        Ok(tokens) => {
            let mut response = wire::json_response(StatusCode::OK, &tokens);
            response_headers::add_for_token(&mut response, incoming, &RequestIds::of(incoming), 0);
            response
        }
        Err(failure) => failure.into_response(incoming),
    };
    cross_origin::allow(directory, incoming, &mut response);
    response
}

pub(super) fn is_client_credentials(incoming: &IncomingRequest) -> bool {
    let form = incoming.form().unwrap_or_default();
    form.iter().any(|(name, value)| name == "grant_type" && value == "client_credentials")
}

fn grant(directory: &Directory, incoming: &IncomingRequest, tenant: &str) -> Result<Value, EntraError> {
    if incoming.method != Method::POST {
        let message = format!("This endpoint only accepts POST requests, not {}.", incoming.method);
        return Err(EntraError::new("invalid_request", 900_561, message).status(StatusCode::METHOD_NOT_ALLOWED));
    }
    let authority = Authority::of(directory, tenant)?;
    let form = Parameters::of_form(incoming)?;
    let request = TokenRequest { directory, incoming, authority, form };
    match request.form.required("grant_type")? {
        "client_credentials" => client_credentials::grant(&request),
        "authorization_code" => authorization_code::grant(&request),
        "refresh_token" => refresh_token::grant(&request),
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => on_behalf_of::grant(&request),
        other => {
            Err(EntraError::new("unsupported_grant_type", 70003, format!("The grant type '{other}' is not supported.")))
        }
    }
}
