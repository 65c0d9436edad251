//! Pages about an API that gave no profile.

use super::{FailurePage, unreachable_service};
use crate::{
    api::{call::ApiFault, problem::ApiProblem},
    pages::words::span,
    settings::Settings,
};

pub(super) fn no_profile(fault: &ApiFault, settings: Option<&Settings>) -> FailurePage {
    match fault {
        ApiFault::Send(fault) => unreachable_service(
            fault,
            "The API does not answer",
            "You are signed in, but this app could not reach the API.",
            "api_url",
        )
        .act("Try again", "/"),
        ApiFault::Unusable(status) => FailurePage::new(
            502,
            "The API’s answer makes no sense",
            "Something answers where the API should be, but it is neither a profile nor a refusal of the API’s.",
        )
        .advise("If you run this app: check api_url; something else may be listening there.")
        .act("Try again", "/")
        .tell("Status", Some(status.as_u16())),
        ApiFault::Problem(problem) => refused(problem, settings).tell_problem(problem),
    }
}

/// By the API's code where there is something to do about it, else by the status.
fn refused(problem: &ApiProblem, settings: Option<&Settings>) -> FailurePage {
    match (problem.code.as_str(), problem.status) {
        ("consent_required", _) => FailurePage::new(
            403,
            "The API needs your consent",
            "You agreed to this app calling the API. That the API reads your profile from Microsoft Graph is another \
             question, and nobody has agreed to that yet.",
        )
        .advise("Agree at Entra, in the new tab. If it says that you may not, an administrator has to.")
        .advise("Then come back to this tab and sign in again, for a new token.")
        .act_at_entra("Agree at Entra", problem.consent_url.as_ref(), settings)
        .act_at_entra("Agree for everybody (administrators)", problem.admin_consent_url.as_ref(), settings)
        .act("Sign in again", "/sign-in"),
        ("interaction_required" | "token_refused", _) => FailurePage::new(
            403,
            "Entra wants to see you again",
            "Your token no longer counts: your sign-in was revoked, or something about it has to be done again.",
        )
        .act("Sign in again", "/sign-in?prompt=login"),
        ("access_denied", _) => FailurePage::new(
            403,
            "You may not use this API",
            "Microsoft Entra ID did not let the API act for you: a policy, a missing assignment or your account stands \
             against it.",
        )
        .advise("Your administrator finds out which in Entra’s sign-in log, by the ids below.")
        .act("Sign in as somebody else", "/sign-in?prompt=select_account"),
        ("graph_forbidden" | "graph_not_found" | "graph_rejected_request", _) => FailurePage::new(
            403,
            "Microsoft Graph says no",
            "You are signed in and the API did its part, but Graph does not give out this profile.",
        )
        .advise("Your administrator can look it up by the ids below.")
        .act("Try again", "/")
        .act("Sign in as somebody else", "/sign-in?prompt=select_account"),
        (_, 429 | 503) => busy(problem),
        (_, 401) => FailurePage::new(
            403,
            "The API does not accept your token",
            "You are signed in, but the API says that your token is not one for it.",
        )
        .advise("Sign in again; the token may just have ended.")
        .advise(
            "If it stays so and you run this app: tenant_id and api_client_id must be the same directory and app \
             registration that the API is set up with.",
        )
        .act("Sign in again", "/sign-in"),
        (_, 403) => FailurePage::new(
            403,
            "The API does not let this app in",
            "You are signed in, but the API’s operator did not allow what this app asks for.",
        )
        .advise("The API’s own words stand below. Its operator can look the request up by its id.")
        .act("Try again", "/")
        .act("Sign in again", "/sign-in"),
        (_, 500..) => FailurePage::new(
            502,
            "The API could not do it",
            "You are signed in, but the API, or something behind it, failed.",
        )
        .advise("Try again in a little while. If it stays so, the API’s operator finds the cause by the request id.")
        .act("Try again", "/"),
        _ => {
            FailurePage::new(502, "The API refused", "You are signed in, but the API did not like what this app sent.")
                .advise("The API’s own words stand below.")
                .act("Try again", "/")
        }
    }
}

fn busy(problem: &ApiProblem) -> FailurePage {
    let wait = problem.retry_after.map_or_else(
        || "Wait a little, then try again.".to_owned(),
        |seconds| format!("Wait {}, then try again.", span(seconds.max(1))),
    );
    let happened = match problem.code.split_once('_') {
        Some(("entra", _)) => "You are signed in, but Microsoft Entra ID has too much to do or is out of order.",
        Some(("graph", _)) => "You are signed in, but Microsoft Graph has too much to do or is out of order.",
        _ => "You are signed in, but the API has too much to do or is out of order.",
    };
    FailurePage::new(503, "Too busy just now", happened).advise(wait).act("Try again", "/")
}
