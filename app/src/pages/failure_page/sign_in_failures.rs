//! A sign-in that did not become a session.

use http::StatusCode;

use super::explanation::{Explanation, no_response};
use crate::{
    entra::{
        redemption::RedemptionFault,
        refusal::{EntraRefusal, RefusalKind},
    },
    settings::AppSettings,
};

pub(super) fn not_pending(settings: Option<&AppSettings>) -> Explanation {
    let explanation = Explanation::new(
        StatusCode::BAD_REQUEST,
        "This sign-in cannot be completed",
        "This browser has no open sign-in that matches what came back from Entra. It may have taken longer than 15 \
         minutes, be complete already, or have begun in another browser; or this page was opened directly.",
    )
    .advise("Sign in again.");
    let explanation = match settings {
        Some(settings) => explanation.advise(format!(
            "If you run this app and this happens every time: open it at {}, the address in app_url. Browsers do not send \
             its cookies to any other address.",
            settings.app_url.as_str()
        )),
        None => explanation,
    };
    explanation.act("Sign in", "/sign-in")
}

pub(super) fn refused(refusal: &EntraRefusal) -> Explanation {
    let explanation = match refusal.kind {
        RefusalKind::Cancelled => Explanation::new(
            StatusCode::BAD_REQUEST,
            "Sign-in cancelled",
            "You left Entra’s page without signing in, or did not agree to what this app asks for.",
        )
        .act("Sign in", "/sign-in")
        .act("Use another account", "/sign-in?prompt=select_account"),
        RefusalKind::ConsentRequired => Explanation::new(
            StatusCode::FORBIDDEN,
            "Administrator approval required",
            "In your organization an administrator decides whether this app may call the API, and none has approved it \
             yet.",
        )
        .advise(
            "Ask an administrator to grant consent: in the Entra admin center, App registrations, this app, API \
             permissions.",
        )
        .act("Try again", "/sign-in"),
        RefusalKind::AccessDenied => Explanation::new(
            StatusCode::FORBIDDEN,
            "You do not have access to this app",
            "Your account, a policy of your organization or a missing assignment prevents it.",
        )
        .advise("Your administrator can find the reason in Entra’s sign-in log, by the ids below.")
        .act("Use another account", "/sign-in?prompt=select_account"),
        RefusalKind::InteractionRequired => Explanation::new(
            StatusCode::FORBIDDEN,
            "You need to sign in again",
            "Entra asks you to repeat or complete a step of the sign-in.",
        )
        .act("Sign in again", "/sign-in?prompt=login"),
        RefusalKind::RedirectUri => registration(
            "The redirect URI is not registered",
            "Entra sends people back only to addresses that are registered for the app. This app’s address is not \
             registered, or is spelled differently there.",
            "If you run this app: in the Entra admin center, App registrations, this app, Authentication, add a redirect \
             URI of the platform Web: app_url followed by /signin-callback.",
        ),
        RefusalKind::CredentialRefused => registration(
            "Entra rejected this app’s secret",
            "The client secret with which this app authenticates is wrong or has expired.",
            "If you run this app: create a new client secret, and set appclientsecret to its value, not to its id.",
        ),
        RefusalKind::Registration => registration(
            "The app registrations do not match the settings",
            "Entra does not accept what this app asks for.",
            "If you run this app: compare app_client_id, api_client_id, required_scope and tenant_id with the app \
             registrations of this app and of the API, and look up the code below.",
        ),
        RefusalKind::CodeExpired => Explanation::new(
            StatusCode::BAD_REQUEST,
            "This sign-in cannot be completed",
            "The code that you brought back from Entra has expired or was already used.",
        )
        .act("Sign in again", "/sign-in"),
        RefusalKind::Unavailable => Explanation::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Entra is temporarily unavailable",
            "Microsoft Entra ID cannot respond at the moment. Neither you nor this app caused this.",
        )
        .advise("Wait a moment, then try again.")
        .act("Try again", "/sign-in"),
        RefusalKind::Other => Explanation::new(
            StatusCode::FORBIDDEN,
            "Entra refused the sign-in",
            "Entra gives no reason beyond the code below.",
        )
        .advise("Look up the code at https://login.microsoftonline.com/error.")
        .act("Try again", "/sign-in"),
    };
    explanation.facts_of_refusal(refusal)
}

fn registration(title: &'static str, happened: &'static str, remedy: &'static str) -> Explanation {
    Explanation::new(StatusCode::INTERNAL_SERVER_ERROR, title, happened).advise(remedy).act("Try again", "/sign-in")
}

pub(super) fn not_redeemed(fault: &RedemptionFault) -> Explanation {
    match fault {
        RedemptionFault::Refused(refusal) => refused(refusal),
        RedemptionFault::Call(fault) => no_response(
            fault,
            "Entra does not respond",
            "This app could not reach Microsoft Entra ID to complete your sign-in.",
            "authority_host",
        )
        .act("Sign in again", "/sign-in"),
        RedemptionFault::Unusable(_) => Explanation::new(
            StatusCode::BAD_GATEWAY,
            "Unexpected response from Entra",
            "The response is not what Microsoft Entra ID documents. Another service may be responding in its place.",
        )
        .advise("If you run this app: check authority_host.")
        .act("Sign in again", "/sign-in"),
        RedemptionFault::IdToken(_) => Explanation::new(
            StatusCode::BAD_GATEWAY,
            "The response from Entra is not for this sign-in",
            "The id token is for another app, another directory or another sign-in, or has expired, so it was discarded.",
        )
        .advise("If you run this app: check tenant_id, authority_host and this machine’s clock.")
        .act("Sign in again", "/sign-in"),
    }
}
