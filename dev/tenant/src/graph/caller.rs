//! Who calls Graph, and what they may do.

use std::sync::Arc;

use http::StatusCode;

use super::error::GraphError;
use crate::{
    directory::{
        Directory,
        app_registration::AppRegistration,
        person::{GraphRule, Person},
    },
    tokens::graph_token::{CALLER_LOCATION, GraphToken, LOCATION_CLAIM, Refusal},
    wire::IncomingRequest,
};

/// The token of a request, once it was checked.
pub(super) fn verified_token(directory: &Directory, incoming: &IncomingRequest) -> Result<GraphToken, GraphError> {
    let token = incoming.bearer_token().ok_or_else(|| {
        GraphError::unauthenticated("There is no access token, or the Authorization header is malformed.")
    })?;
    GraphToken::verify(directory, token).map_err(|refusal| {
        GraphError::unauthenticated(match refusal {
            Refusal::Malformed => "The access token is not a JSON Web Token.",
            Refusal::BadSignature => "The signature of the access token is not valid.",
            Refusal::WrongAudience => "The audience of the access token is not Microsoft Graph.",
            Refusal::Expired => "The access token has expired, or is not valid yet.",
            Refusal::Revoked => "The access token has been revoked.",
        })
    })
}

/// A person, with a token that Graph accepts.
pub(super) struct Caller {
    pub(super) person: Arc<Person>,
    token: GraphToken,
}

impl Caller {
    /// The person of a token that is no application's own, once the person's rule allows the call.
    pub(super) fn of(directory: &Directory, token: GraphToken) -> Result<Self, GraphError> {
        let person = directory
            .roster
            .by_object_id(token.claim("oid"))
            .filter(|person| person.tenant_id == token.claim("tid"))
            .ok_or_else(|| GraphError::unauthenticated("The person of the access token does not exist."))?;
        // Only clients that declared cp1 are challenged.
        if token.declares_cp1() && directory.sessions.was_issued_in_ended(token.serial()) {
            return Err(GraphError::session_revoked());
        }
        Ok(Self { person, token })
    }

    /// Refuses a caller whose token has none of these permissions.
    pub(super) fn require(&self, scopes: &[&str]) -> Result<(), GraphError> {
        match scopes.iter().any(|scope| self.token.has_scope(scope)) {
            true => self.apply_rule(),
            false => Err(GraphError::forbidden()),
        }
    }

    /// Refuses a caller who is no administrator.
    pub(super) fn require_administrator(&self) -> Result<(), GraphError> {
        match self.person.is_administrator {
            true => Ok(()),
            false => Err(GraphError::forbidden()),
        }
    }

    /// Refuses a caller who neither owns the application nor is an administrator.
    pub(super) fn require_owner(&self, application: &AppRegistration) -> Result<(), GraphError> {
        match application.owners().contains(&self.person.object_id) {
            true => Ok(()),
            false => self.require_administrator(),
        }
    }

    fn apply_rule(&self) -> Result<(), GraphError> {
        let (person, token) = (&self.person, &self.token);
        match person.graph {
            GraphRule::Profile => Ok(()),
            // Only clients that declared cp1 are challenged.
            GraphRule::ChallengesLocation
                if !token.declares_cp1() || token.claim(LOCATION_CLAIM) == CALLER_LOCATION =>
            {
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
            GraphRule::NotFound => Err(GraphError::not_found(&person.object_id)),
        }
    }
}
