//! An API that gave no profile.

use http::StatusCode;

use super::explanation::{Explanation, no_response};
use crate::{
    api::{call::ApiFault, problem::ApiProblem},
    pages::times::span,
    settings::AppSettings,
};

pub(super) fn no_profile(fault: &ApiFault, settings: Option<&AppSettings>) -> Explanation {
    match fault {
        ApiFault::Call(fault) => no_response(
            fault,
            "The API does not respond",
            "You are signed in, but this app could not reach the API.",
            "api_url",
        )
        .act("Try again", "/"),
        ApiFault::Unusable(status) => Explanation::new(
            StatusCode::BAD_GATEWAY,
            "Unexpected response from the API",
            "Something responds at the API’s address, but with neither a profile nor a problem document.",
        )
        .advise("If you run this app: check api_url. Another service may be listening there.")
        .act("Try again", "/")
        .fact("Status", Some(status.as_u16())),
        ApiFault::Problem(problem) => refused(problem, settings).facts_of_problem(problem),
    }
}

/// By the API's code where it says what to do, otherwise by the status.
fn refused(problem: &ApiProblem, settings: Option<&AppSettings>) -> Explanation {
    match (problem.code.as_str(), problem.status) {
        ("consent_required", _) => Explanation::new(
            StatusCode::FORBIDDEN,
            "The API needs your consent",
            "This app may call the API for you, but nobody has consented yet to the API reading your profile from \
             Microsoft Graph.",
        )
        .advise("Consent at Entra, in the new tab. If Entra says that you cannot, ask an administrator.")
        .advise("Then return to this tab and sign in again to get a new token.")
        .act_at_entra("Consent at Entra", problem.consent_url.as_ref(), settings)
        .act_at_entra("Consent for the organization (administrators)", problem.admin_consent_url.as_ref(), settings)
        .act("Sign in again", "/sign-in"),
        ("interaction_required" | "token_refused", _) => Explanation::new(
            StatusCode::FORBIDDEN,
            "You need to sign in again",
            "Entra no longer accepts your token: your sign-in was revoked, or a step of it must be repeated.",
        )
        .act("Sign in again", "/sign-in?prompt=login"),
        ("access_denied", _) => Explanation::new(
            StatusCode::FORBIDDEN,
            "You do not have access to this API",
            "Microsoft Entra ID did not let the API act for you, because of a policy, a missing assignment or your \
             account.",
        )
        .advise("Your administrator can find the reason in Entra’s sign-in log, by the ids below.")
        .act("Use another account", "/sign-in?prompt=select_account"),
        ("graph_forbidden" | "graph_not_found" | "graph_rejected_request", _) => Explanation::new(
            StatusCode::FORBIDDEN,
            "Microsoft Graph refused",
            "You are signed in and the API called Microsoft Graph for you, but Graph does not return this profile.",
        )
        .advise("Your administrator can look up the request by the ids below.")
        .act("Try again", "/")
        .act("Use another account", "/sign-in?prompt=select_account"),
        (_, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => unavailable(problem),
        (_, StatusCode::UNAUTHORIZED) => Explanation::new(
            StatusCode::FORBIDDEN,
            "The API does not accept your token",
            "You are signed in, but the API says that your token is not valid for it.",
        )
        .advise("Sign in again; the token may just have expired.")
        .advise(
            "If this persists and you run this app: tenant_id and api_client_id must be those of the API’s own app \
             registration.",
        )
        .act("Sign in again", "/sign-in"),
        (_, StatusCode::FORBIDDEN) => Explanation::new(
            StatusCode::FORBIDDEN,
            "The API does not allow this app",
            "You are signed in, but the API is set up not to allow what this app asks for.",
        )
        .advise("The API’s explanation is below. Its operator can look up the request by its id.")
        .act("Try again", "/")
        .act("Sign in again", "/sign-in"),
        (_, status) if status.is_server_error() => Explanation::new(
            StatusCode::BAD_GATEWAY,
            "The API failed",
            "You are signed in, but the API or a service behind it failed.",
        )
        .advise("Try again in a moment. If this persists, the API’s operator can find the cause by the request id.")
        .act("Try again", "/"),
        _ => Explanation::new(
            StatusCode::BAD_GATEWAY,
            "The API rejected the request",
            "You are signed in, but the API did not accept this app’s request.",
        )
        .advise("The API’s explanation is below.")
        .act("Try again", "/"),
    }
}

fn unavailable(problem: &ApiProblem) -> Explanation {
    let happened = match problem.code.split_once('_') {
        Some(("entra", _)) => "You are signed in, but Microsoft Entra ID is throttling requests or is unavailable.",
        Some(("graph", _)) => "You are signed in, but Microsoft Graph is throttling requests or is unavailable.",
        _ => "You are signed in, but the API is throttling requests or is unavailable.",
    };
    let wait = problem.retry_after.map_or_else(
        || "Wait a moment, then try again.".to_owned(),
        |wait| format!("Wait {}, then try again.", span(wait.as_secs().max(1))),
    );
    Explanation::new(StatusCode::SERVICE_UNAVAILABLE, "Temporarily unavailable", happened)
        .advise(wait)
        .act("Try again", "/")
}
