//! The result of a valid exchange request for each person.

use http::StatusCode;

use super::assertion::Assertion;
use crate::{
    claims_request::ClaimsRequest,
    directory::{Directory, person::ExchangeRule},
    entra::error::EntraError,
    tokens::graph_token::LOCATION_CLAIM,
};

/// Refuses the exchange if the person's rule requires it.
pub(super) fn check(directory: &Directory, assertion: &Assertion, claims: &ClaimsRequest) -> Result<(), EntraError> {
    let refuse = |code, message| Err(EntraError::new("invalid_grant", code, message));
    let meets_policy = assertion.meets_policy(&directory.policy_id);
    match assertion.person.exchange {
        ExchangeRule::Granted | ExchangeRule::GrantedBriefly => Ok(()),
        // The scope was not granted without consent.
        ExchangeRule::NeverConsented | ExchangeRule::NeedsAdminConsent => Ok(()),
        ExchangeRule::SignedOutAfterExchange
            if directory.sessions.has_ended(&assertion.person.object_id, assertion.session()) =>
        {
            Err(EntraError::session_revoked())
        }
        ExchangeRule::SignedOutAfterExchange => Ok(()),
        ExchangeRule::NeedsSecondFactor if meets_policy => Ok(()),
        ExchangeRule::NeedsSecondFactor => Err(needs_second_factor("invalid_grant", directory)),
        ExchangeRule::NeedsSecondFactorAfterChallenge if claims.asks_for(LOCATION_CLAIM) && !meets_policy => {
            Err(needs_second_factor("interaction_required", directory))
        }
        ExchangeRule::NeedsSecondFactorAfterChallenge => Ok(()),
        ExchangeRule::Blocked => Err(EntraError::new(
            "invalid_grant",
            53003,
            "Conditional Access policies block access and do not allow a token to be issued.",
        )
        .suberror("message_only")
        .claims(directory.blocking_challenge())),
        ExchangeRule::SessionRevoked => Err(EntraError::session_revoked()),
        ExchangeRule::Disabled => refuse(50057, "The account is disabled."),
        ExchangeRule::NotAssigned => {
            refuse(50105, "The person is not assigned to a role for the application, which demands an assignment.")
        }
        ExchangeRule::LoopDetected => {
            refuse(50196, "The client is in a loop: it made too many equal requests in too short a time.")
        }
        ExchangeRule::Throttled => Err(EntraError::new(
            "temporarily_unavailable",
            90055,
            "The tenant is throttled: too many requests came in.",
        )
        .status(StatusCode::TOO_MANY_REQUESTS)
        .retry_after("2")),
    }
}

/// AADSTS50076, which Entra sends under either of two errors.
fn needs_second_factor(error: &'static str, directory: &Directory) -> EntraError {
    EntraError::new(
        error,
        50076,
        "A policy, or a move to another place, makes multifactor authentication necessary for Microsoft Graph.",
    )
    .suberror("basic_action")
    .claims(directory.second_factor_challenge())
}
