//! Microsoft Graph: the signed-in person's profile and photo.

mod error;
mod me;
mod photo;

use std::sync::Arc;

use http::{Method, Response, StatusCode};

use crate::{
    directory::Directory,
    graph_token::{GraphToken, Refusal},
    journal::Endpoint,
    person::{GraphRule, Person},
    wire::{Body, Incoming},
};
use error::GraphError;

/// The claim by which a Graph token shows where its client was when Entra last looked.
pub(crate) const LOCATION_CLAIM: &str = "xms_rp_ipaddr";
/// Where Graph sees every client; the address is from RFC 5737's range for documentation.
pub(crate) const CALLER_LOCATION: &str = "203.0.113.7";

pub(crate) fn endpoint(incoming: &Incoming) -> Endpoint {
    match *incoming.path_segments() {
        ["v1.0", "me"] => Endpoint::GraphMe,
        ["v1.0", "me", "photo", "$value"] => Endpoint::GraphPhoto,
        _ => Endpoint::Unknown,
    }
}

pub(crate) fn answer(directory: &Directory, incoming: &Incoming) -> Response<Body> {
    let result = caller(directory, incoming).and_then(|person| match endpoint(incoming) {
        Endpoint::GraphMe if incoming.method == Method::GET => me::answer(directory, &person, incoming),
        Endpoint::GraphPhoto if incoming.method == Method::GET => photo::answer(&person),
        Endpoint::GraphMe | Endpoint::GraphPhoto => {
            let message = format!("The emulated Graph does not take {} here.", incoming.method);
            Err(GraphError::new(StatusCode::METHOD_NOT_ALLOWED, "Request_BadRequest", message))
        }
        _ => {
            let message = format!("The path {} is not one of the emulated Graph's.", incoming.uri.path());
            Err(GraphError::new(StatusCode::BAD_REQUEST, "BadRequest", message))
        }
    });
    let mut answer = result.unwrap_or_else(|error| error.into_answer(incoming));
    error::add_common_headers(&mut answer, incoming);
    answer
}

/// Who calls, after Graph's checks of the token and what the person's rule makes of the call.
fn caller(directory: &Directory, incoming: &Incoming) -> Result<Arc<Person>, GraphError> {
    let token = incoming.bearer_token().ok_or_else(|| {
        GraphError::unauthenticated("There is no access token, or the Authorization header is malformed.")
    })?;
    let token = GraphToken::verify(directory, token).map_err(|refusal| {
        GraphError::unauthenticated(match refusal {
            Refusal::Malformed => "The access token is not a JSON Web Token.",
            Refusal::BadSignature => "The signature of the access token is not valid.",
            Refusal::WrongAudience => "The audience of the access token is not Microsoft Graph.",
            Refusal::Expired => "The life of the access token is over or has not begun.",
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
    // A client that did not declare cp1 is never challenged.
    if token.declares_cp1() && directory.sessions.was_issued_in_ended(token.serial()) {
        return Err(GraphError::session_revoked());
    }
    apply_rule(&person, &token)?;
    Ok(person)
}

fn apply_rule(person: &Person, token: &GraphToken) -> Result<(), GraphError> {
    match person.graph {
        GraphRule::Profile => Ok(()),
        // A client that did not declare cp1 is never challenged.
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
