//! The table of failures: the status of each, what the person reads, and what they can do.

mod api_failures;
pub(crate) mod explanation;
mod sign_in_failures;

use http::StatusCode;

use self::explanation::Explanation;
use crate::{failure::Failure, settings::AppSettings};

/// Explains a failure. `settings` are missing only where they could not be loaded; `is_signed_in` says whether the browser
/// has a session nevertheless.
pub(crate) fn explain(failure: &Failure, settings: Option<&AppSettings>, is_signed_in: bool) -> Explanation {
    let explanation = match failure {
        Failure::NotFound => {
            Explanation::new(StatusCode::NOT_FOUND, "Page not found", "This app has no page at this address.")
                .act("Go to the start page", "/")
        }
        Failure::MethodNotAllowed(_) => Explanation::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Method not allowed",
            "This address does not accept this kind of request.",
        )
        .act("Go to the start page", "/"),
        Failure::Settings(_) => Explanation::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "This app is not set up",
            "AppSettings are missing or wrong, so nobody can sign in yet.",
        )
        .advise(
            "If you run this app: the log line with the request id below names every wrong setting and how to correct \
             it.",
        )
        .act("Try again", "/"),
        Failure::CrossSiteSignOut => Explanation::new(
            StatusCode::FORBIDDEN,
            "You are still signed in",
            "The request to sign out did not come from a page of this app, so it was ignored.",
        )
        .advise("Use the button “Sign out” at the top of this app’s pages.")
        .act("Go to the start page", "/"),
        Failure::NoPendingSignIn => sign_in_failures::not_pending(settings),
        Failure::SignInRefused(refusal) => sign_in_failures::refused(refusal),
        Failure::Redemption(fault) => sign_in_failures::not_redeemed(fault),
        Failure::TokenTooLong => Explanation::new(
            StatusCode::BAD_GATEWAY,
            "Your token is too long",
            "Entra’s token for you does not fit into browser cookies, and this app stores it nowhere else.",
        )
        .advise(
            "This happens to people who are in very many groups. If you administer the API: limit the group claims in \
             its tokens to assigned groups, or remove them.",
        )
        .act("Use another account", "/sign-in?prompt=select_account"),
        Failure::SessionExpired => Explanation::new(
            StatusCode::FORBIDDEN,
            "Your session has expired",
            "The token for the API is valid for about an hour. This app does not renew it without asking you.",
        )
        .act("Sign in again", "/sign-in"),
        Failure::Api(fault) => api_failures::no_profile(fault, settings),
        Failure::ChallengeRepeated(problem) => Explanation::new(
            StatusCode::FORBIDDEN,
            "Your sign-in is still not strong enough",
            "The API requires a stronger sign-in. You went to Entra for it, but the API does not accept the result.",
        )
        .advise("Sign in again, with the second factor that your organization requires.")
        .advise("If that does not help: your administrator can see in Entra’s sign-in log which policy is not met.")
        .act("Sign in again", "/sign-in?prompt=login")
        .facts_of_problem(problem),
        Failure::Internal(_) => Explanation::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong",
            "An internal error occurred in this app.",
        )
        .act("Try again", "/"),
    };
    if is_signed_in && failure.is_about_a_sign_in() { explanation.stay_signed_in() } else { explanation }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::explain;
    use crate::{
        api::{call::ApiFault, problem::ApiProblem},
        failure::Failure,
        settings::tests::with,
    };

    #[test]
    fn a_link_from_the_api_is_shown_only_if_it_leads_to_entra() {
        let settings = with(&[]);
        for (url, shown) in [
            ("https://login.example/t/oauth2/v2.0/authorize?x", true),
            ("https://login.example.evil/", false),
            ("javascript:alert(1)", false),
        ] {
            let problem = ApiProblem {
                code: "consent_required".to_owned(),
                status: StatusCode::FORBIDDEN,
                consent_url: Some(url.to_owned()),
                ..ApiProblem::default()
            };
            let explanation = explain(&Failure::Api(ApiFault::Problem(Box::new(problem))), Some(&settings), true);
            assert_eq!(explanation.actions.iter().any(|action| action.href == url), shown, "{url}");
        }
    }
}
