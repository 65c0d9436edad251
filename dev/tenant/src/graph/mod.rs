//! Microsoft Graph: the signed-in person's profile and photo.

mod error;
mod me;
mod photo;

use std::sync::Arc;

use http::{Method, Response, StatusCode};

use crate::{
    directory::{
        Directory,
        person::{GraphRule, Person},
    },
    endpoint::Endpoint,
    tokens::graph_token::{CALLER_LOCATION, GraphToken, LOCATION_CLAIM, Refusal},
    wire::{IncomingRequest, ResponseBody},
};
use error::GraphError;

pub(crate) fn endpoint(incoming: &IncomingRequest) -> Endpoint {
    match *incoming.path_segments() {
        ["v1.0", "me"] => Endpoint::GraphMe,
        ["v1.0", "me", "photo", "$value"] => Endpoint::GraphPhoto,
        _ => Endpoint::Unknown,
    }
}

pub(crate) fn respond(directory: &Directory, incoming: &IncomingRequest) -> Response<ResponseBody> {
    let result = caller(directory, incoming).and_then(|person| match endpoint(incoming) {
        Endpoint::GraphMe if incoming.method == Method::GET => me::respond(directory, &person, incoming),
        Endpoint::GraphPhoto if incoming.method == Method::GET => photo::respond(&person),
        Endpoint::GraphMe | Endpoint::GraphPhoto => {
            let message = format!("The emulated Graph does not take {} here.", incoming.method);
            Err(GraphError::new(StatusCode::METHOD_NOT_ALLOWED, "Request_BadRequest", message))
        }
        _ => {
            let message = format!("The path {} is not one of the emulated Graph's.", incoming.uri.path());
            Err(GraphError::new(StatusCode::BAD_REQUEST, "BadRequest", message))
        }
    });
    let mut response = result.unwrap_or_else(|error| error.into_response(incoming));
    error::add_common_headers(&mut response, incoming);
    response
}

/// The caller, once the token was checked and the person's rule allows the call.
fn caller(directory: &Directory, incoming: &IncomingRequest) -> Result<Arc<Person>, GraphError> {
    let token = incoming.bearer_token().ok_or_else(|| {
        GraphError::unauthenticated("There is no access token, or the Authorization header is malformed.")
    })?;
    let token = GraphToken::verify(directory, token).map_err(|refusal| {
        GraphError::unauthenticated(match refusal {
            Refusal::Malformed => "The access token is not a JSON Web Token.",
            Refusal::BadSignature => "The signature of the access token is not valid.",
            Refusal::WrongAudience => "The audience of the access token is not Microsoft Graph.",
            Refusal::Expired => "The access token has expired, or is not valid yet.",
            Refusal::Revoked => "The access token has been revoked.",
        })
    })?;
    let person = directory
        .person_by_object_id(token.claim("oid"))
        .filter(|person| person.tenant_id == token.claim("tid"))
        .ok_or_else(|| GraphError::unauthenticated("The person of the access token does not exist."))?;
    if !token.has_scope("User.Read") {
        return Err(GraphError::forbidden());
    }
    // Only clients that declared cp1 are challenged.
    if token.declares_cp1() && directory.sessions.was_issued_in_ended(token.serial()) {
        return Err(GraphError::session_revoked());
    }
    apply_rule(&person, &token)?;
    Ok(person)
}

fn apply_rule(person: &Person, token: &GraphToken) -> Result<(), GraphError> {
    match person.graph {
        GraphRule::Profile => Ok(()),
        // Only clients that declared cp1 are challenged.
        GraphRule::ChallengesLocation if !token.declares_cp1() || token.claim(LOCATION_CLAIM) == CALLER_LOCATION => {
            Ok(())
        }
        GraphRule::ChallengesLocation => Err(GraphError::location_challenge()),
        GraphRule::Throttled => {
            Err(GraphError::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", "There were too many requests.")
                .retry_after("2.128"))
        }
        GraphRule::ThrottledWithoutRetryAfter => {
            Err(GraphError::new(StatusCode::TOO_MANY_REQUESTS, "BadRequest", "There were too many requests."))
        }
        GraphRule::Unavailable => Err(GraphError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            "The service is not available at the moment.",
        )
        .retry_after("3")),
        GraphRule::Forbidden => Err(GraphError::forbidden()),
        GraphRule::NotFound => Err(GraphError::new(
            StatusCode::NOT_FOUND,
            "Request_ResourceNotFound",
            format!("There is no resource '{}', nor an object that it refers to.", person.object_id),
        )),
    }
}
