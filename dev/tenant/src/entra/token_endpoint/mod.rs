//! The token endpoint: reads the request and hands it to its grant.

use http::{Method, Response, StatusCode};
use serde_json::Value;

use super::{
    Authority, answer_headers, authorization_code, client_credentials, cross_origin,
    failure::{Failure, RequestIds},
    on_behalf_of,
    parameters::Parameters,
    refresh_token,
};
use crate::{
    directory::Directory,
    person::Person,
    wire::{self, Body, Incoming},
};

/// A token request whose form could be read.
pub(super) struct TokenRequest<'a> {
    pub(super) directory: &'a Directory,
    pub(super) incoming: &'a Incoming,
    pub(super) authority: Authority<'a>,
    pub(super) form: Parameters,
}

impl TokenRequest<'_> {
    /// Refuses a person of another tenant than the path names.
    pub(super) fn check_tenant_of(&self, person: &Person) -> Result<(), Failure> {
        match self.authority {
            Authority::Single(tenant_id) if tenant_id != person.tenant_id => {
                let message =
                    format!("The account does not exist in the tenant '{tenant_id}'. Use its own one's endpoint.");
                Err(Failure::new("invalid_grant", 50020, message))
            }
            Authority::Single(_) | Authority::Any => Ok(()),
        }
    }
}

pub(super) fn answer(directory: &Directory, incoming: &Incoming, tenant: &str) -> Response<Body> {
    if incoming.method == Method::OPTIONS {
        return cross_origin::preflight(directory, incoming);
    }
    let mut answer = match grant(directory, incoming, tenant) {
        Ok(tokens) => {
            let mut answer = wire::json_answer(StatusCode::OK, &tokens);
            answer_headers::add_for_token(&mut answer, incoming, &RequestIds::of(incoming), 0);
            answer
        }
        Err(failure) => failure.into_answer(incoming),
    };
    cross_origin::allow(directory, incoming, &mut answer);
    answer
}

pub(super) fn is_client_credentials(incoming: &Incoming) -> bool {
    let form = incoming.form().unwrap_or_default();
    form.iter().any(|(name, value)| name == "grant_type" && value == "client_credentials")
}

fn grant(directory: &Directory, incoming: &Incoming, tenant: &str) -> Result<Value, Failure> {
    if incoming.method != Method::POST {
        let message = format!("This endpoint takes POST requests alone, not {}.", incoming.method);
        return Err(Failure::new("invalid_request", 900_561, message).status(StatusCode::METHOD_NOT_ALLOWED));
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
            Err(Failure::new("unsupported_grant_type", 70003, format!("The grant type '{other}' is not supported.")))
        }
    }
}
