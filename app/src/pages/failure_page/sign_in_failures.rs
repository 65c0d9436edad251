//! Pages about a sign-in that did not become a session.

use super::{FailurePage, unreachable_service};
use crate::{
    entra::{
        redemption::RedemptionFault,
        refusal::{EntraRefusal, Meaning},
    },
    settings::Settings,
};

pub(super) fn over(settings: Option<&Settings>) -> FailurePage {
    let page = FailurePage::new(
        400,
        "This sign-in cannot be finished",
        "What came back from Entra belongs to no sign-in that this browser has open: it took longer than a quarter of an \
         hour, it was finished already, it was begun in another browser, or this page was opened by itself.",
    )
    .advise("Sign in again.");
    let page = match settings {
        Some(settings) => page.advise(format!(
            "If you run this app and this comes back every time: open it at {}, the address that app_url names, since \
             cookies of any other address do not reach it.",
            settings.app_url.as_str()
        )),
        None => page,
    };
    page.act("Sign in", "/sign-in")
}

pub(super) fn refused(refusal: &EntraRefusal) -> FailurePage {
    let page = match refusal.meaning {
        Meaning::Cancelled => FailurePage::new(
            400,
            "You did not sign in",
            "You left Entra’s page without signing in, or did not agree to what this app asked for. Nothing happened.",
        )
        .act("Sign in", "/sign-in")
        .act("Sign in as somebody else", "/sign-in?prompt=select_account"),
        Meaning::ConsentRequired => FailurePage::new(
            403,
            "An administrator has to agree first",
            "Your organization lets an administrator decide whether this app may call the API, and none has yet.",
        )
        .advise(
            "Ask your administrator to grant consent: in the Entra admin center, App registrations, this app, API \
             permissions.",
        )
        .act("Try again", "/sign-in"),
        Meaning::AccessDenied => FailurePage::new(
            403,
            "You may not sign in to this app",
            "Your account, a policy of your organization, or a missing assignment stands against it.",
        )
        .advise("Your administrator finds out which in Entra’s sign-in log, by the ids below.")
        .act("Sign in as somebody else", "/sign-in?prompt=select_account"),
        Meaning::InteractionRequired => {
            FailurePage::new(403, "Entra wants to see you again", "Something about your sign-in has to be done again.")
                .act("Sign in again", "/sign-in?prompt=login")
        }
        Meaning::RedirectUri => registration(
            "The redirect URI is not registered",
            "Entra sends people back only to addresses that are registered with the app, and this app’s is not, or not in \
             this spelling.",
            "If you run this app: in the Entra admin center, App registrations, this app, Authentication, add the \
             redirect URI “Web” that is app_url followed by /signin-callback.",
        ),
        Meaning::CredentialRefused => registration(
            "Entra does not know this app",
            "The secret by which this app proves who it is, is wrong or has expired.",
            "If you run this app: make a new client secret, and set appclientsecret to its value, not to its id.",
        ),
        Meaning::Registration => registration(
            "Entra does not know what was asked for",
            "The registrations of this app and of the API at Entra do not fit the settings of this app.",
            "If you run this app: compare app_client_id, api_client_id, required_scope and tenant_id with the app \
             registrations, and look up the code below.",
        ),
        Meaning::CodeOver => FailurePage::new(
            400,
            "This sign-in cannot be finished",
            "The code that you brought back from Entra was used already or has expired.",
        )
        .act("Sign in again", "/sign-in"),
        Meaning::Unavailable => FailurePage::new(
            503,
            "Entra is busy",
            "Microsoft Entra ID cannot answer just now. It is neither you nor this app.",
        )
        .advise("Wait a little, then try again.")
        .act("Try again", "/sign-in"),
        Meaning::Other => FailurePage::new(403, "Entra refused the sign-in", "It says no more than the code below.")
            .advise("Look up the code at https://login.microsoftonline.com/error.")
            .act("Try again", "/sign-in"),
    };
    page.tell_refusal(refusal)
}

fn registration(title: &'static str, happened: &'static str, remedy: &'static str) -> FailurePage {
    FailurePage::new(500, title, happened).advise(remedy).act("Try again", "/sign-in")
}

pub(super) fn not_redeemed(fault: &RedemptionFault) -> FailurePage {
    match fault {
        RedemptionFault::Refused(refusal) => refused(refusal),
        RedemptionFault::Send(fault) => unreachable_service(
            fault,
            "Entra does not answer",
            "This app could not reach Microsoft Entra ID to finish your sign-in.",
            "authority_host",
        )
        .act("Sign in again", "/sign-in"),
        RedemptionFault::Unusable(_) => FailurePage::new(
            502,
            "Entra’s answer makes no sense",
            "What came back is not what Microsoft Entra ID documents. Something may stand in between.",
        )
        .advise("If you run this app: check authority_host.")
        .act("Sign in again", "/sign-in"),
        RedemptionFault::IdToken(_) => FailurePage::new(
            502,
            "Entra’s answer is not for this sign-in",
            "The id token names another app, another directory or another sign-in, so it was thrown away.",
        )
        .advise("If you run this app: check tenant_id and authority_host, and this machine’s clock.")
        .act("Sign in again", "/sign-in"),
    }
}
