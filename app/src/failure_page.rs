//! The one table of failures: what the person is told of each, and what they can do.

use http::StatusCode;

use crate::{
    api_call::ApiFault,
    api_problem::ApiProblem,
    code_redemption::RedemptionFault,
    entra_refusal::{EntraRefusal, Meaning},
    failure::Failure,
    host::SendFault,
    settings::Settings,
    words::span,
};

/// A page about a failure.
#[derive(Debug, PartialEq, Eq)]
pub struct FailurePage {
    /// The status of the answer.
    pub status: StatusCode,
    /// The stable word for it.
    pub code: &'static str,
    /// What happened, in a few words.
    pub title: &'static str,
    /// What happened, in a sentence or two.
    pub happened: &'static str,
    /// What to do, a sentence each.
    pub remedies: Vec<String>,
    /// Where to go; the first is the one to take.
    pub actions: Vec<Action>,
    /// What those who help will ask for.
    pub facts: Vec<Fact>,
}

/// A link.
#[derive(Debug, PartialEq, Eq)]
pub struct Action {
    /// What it does.
    pub label: &'static str,
    /// Where it leads.
    pub href: String,
    /// Whether it leaves this app, and so opens beside it.
    pub is_elsewhere: bool,
}

/// A name and a value.
#[derive(Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is.
    pub label: &'static str,
    /// The value.
    pub value: String,
}

impl FailurePage {
    /// The page of a failure. `settings` are missing only where they could not be read.
    #[must_use]
    pub fn of(failure: &Failure, settings: Option<&Settings>) -> Self {
        let page = match failure {
            Failure::NotFound => Self::new(404, "There is nothing here", "This app has no page at this address.")
                .act("Go to the first page", "/"),
            Failure::MethodNotAllowed(_) => {
                Self::new(405, "That does not work here", "This address is there, but not for this kind of request.")
                    .act("Go to the first page", "/")
            }
            Failure::Settings(_) => Self::new(
                500,
                "This app is not set up",
                "One or more of its settings are missing or wrong, so nobody can sign in yet.",
            )
            .advise(
                "If you run this app: its log names every wrong setting and what to set, in the line with the request id \
                 at the foot of this page.",
            )
            .act("Try again", "/"),
            Failure::SignOutFromElsewhere => Self::new(
                403,
                "You are still signed in",
                "The request to sign out did not come from a page of this app, so it was not followed.",
            )
            .advise("Use the button “Sign out” at the top of this app’s pages.")
            .act("Go to the first page", "/"),
            Failure::SignInOver => sign_in_over(settings),
            Failure::SignInRefused(refusal) => sign_in_refused(refusal),
            Failure::Redemption(fault) => redemption(fault),
            Failure::TokenTooLong => Self::new(
                502,
                "Your token is too long",
                "Entra’s token for you is longer than a browser’s cookies can hold, and this app keeps it nowhere else.",
            )
            .advise(
                "That happens to people in very many groups. If you administer the API: let its tokens hold group claims \
                 for assigned groups only, or none.",
            )
            .act("Sign in as somebody else", "/sign-in?prompt=select_account"),
            Failure::SessionOver => Self::new(
                403,
                "Your sign-in is over",
                "The token for the API lasts about an hour, and yours has ended. This app does not renew it behind your \
                 back.",
            )
            .act("Sign in again", "/sign-in"),
            Failure::Api(fault) => api(fault, settings),
            Failure::ChallengeRepeated(problem) => Self::new(
                403,
                "Entra keeps asking for more",
                "The API needs a stronger sign-in, Entra was asked for it, and what came back is still not enough.",
            )
            .advise("Sign in once more, with the second factor that your organization asks for.")
            .advise("If that does not help: your administrator sees in the sign-in log which policy is not met.")
            .act("Sign in again", "/sign-in?prompt=login")
            .tell_problem(problem),
            Failure::Internal(_) => {
                Self::new(500, "That should not have happened", "This app met a case that it does not know.")
                    .act("Try again", "/")
            }
        };
        Self { code: failure.code(), ..page }
    }

    fn new(status: u16, title: &'static str, happened: &'static str) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code: "",
            title,
            happened,
            remedies: Vec::new(),
            actions: Vec::new(),
            facts: Vec::new(),
        }
    }

    fn advise(mut self, remedy: impl Into<String>) -> Self {
        self.remedies.push(remedy.into());
        self
    }

    fn act(mut self, label: &'static str, href: impl Into<String>) -> Self {
        self.actions.push(Action { label, href: href.into(), is_elsewhere: false });
        self
    }

    /// A link that an upstream chose; it is shown only if it leads to Entra.
    fn act_at_entra(mut self, label: &'static str, href: Option<&String>, settings: Option<&Settings>) -> Self {
        if let (Some(href), Some(settings)) = (href, settings)
            && settings.authority_host.is_of(href)
        {
            self.actions.push(Action { label, href: href.clone(), is_elsewhere: true });
        }
        self
    }

    fn tell(mut self, label: &'static str, value: Option<impl ToString>) -> Self {
        self.facts.extend(value.map(|value| Fact { label, value: value.to_string() }));
        self
    }

    fn tell_refusal(self, refusal: &EntraRefusal) -> Self {
        self.tell("Entra’s error", Some(&refusal.error))
            .tell("Entra’s code", refusal.number.map(|number| format!("AADSTS{number}")))
            .tell("Entra’s correlation id", refusal.correlation_id)
            .tell("Entra’s trace id", refusal.trace_id)
    }

    fn tell_problem(self, problem: &ApiProblem) -> Self {
        self.tell("The API’s code", Some(&problem.code))
            .tell("The API’s words", Some(&problem.detail).filter(|detail| !detail.is_empty()))
            .tell("The API’s status", Some(problem.status))
            .tell("The API’s request id", problem.request_id.as_ref())
            .tell("Entra’s correlation id", problem.entra_correlation_id.as_ref())
            .tell("Entra’s trace id", problem.entra_trace_id.as_ref())
            .tell("Graph’s code", problem.graph_error_code.as_ref())
            .tell("Graph’s request id", problem.graph_request_id.as_ref())
    }
}

fn sign_in_over(settings: Option<&Settings>) -> FailurePage {
    let page = FailurePage::new(
        400,
        "This sign-in cannot be finished",
        "What came back from Entra belongs to no sign-in that this browser has open: it took longer than a quarter of an \
         hour, it was begun in another tab or browser, or this page was opened by itself.",
    )
    .advise("Begin again, and stay in this tab.");
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

fn sign_in_refused(refusal: &EntraRefusal) -> FailurePage {
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
            "The secret by which this app proves who it is, is wrong or has ended.",
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
            "The code that you brought back from Entra was used already, or is over. That happens when the page is \
             loaded twice.",
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

fn redemption(fault: &RedemptionFault) -> FailurePage {
    match fault {
        RedemptionFault::Refused(refusal) => sign_in_refused(refusal),
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

fn api(fault: &ApiFault, settings: Option<&Settings>) -> FailurePage {
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
        ApiFault::Problem(problem) => api_problem(problem, settings).tell_problem(problem),
    }
}

/// By the API's code where there is something to do about it, else by the status.
fn api_problem(problem: &ApiProblem, settings: Option<&Settings>) -> FailurePage {
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

fn unreachable_service(
    fault: &SendFault,
    title: &'static str,
    happened: &'static str,
    setting: &'static str,
) -> FailurePage {
    let (status, reason) = match fault {
        SendFault::TimedOut => (504, "it did not answer in time"),
        SendFault::Denied => (502, "this app may not call it"),
        SendFault::TooLarge => (502, "its answer is too large"),
        SendFault::Broken(_) => (502, "there is no connection"),
    };
    FailurePage::new(status, title, happened)
        .advise("Try again in a little while.")
        .advise(format!("If you run this app: check that it is up, and that {setting} is its address."))
        .tell("Reason", Some(reason))
}

#[cfg(test)]
mod tests {
    use super::FailurePage;
    use crate::{api_call::ApiFault, api_problem::ApiProblem, failure::Failure, settings::tests::with};

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
                status: 403,
                consent_url: Some(url.to_owned()),
                ..ApiProblem::default()
            };
            let page = FailurePage::of(&Failure::Api(ApiFault::Problem(Box::new(problem))), Some(&settings));
            assert_eq!(page.actions.iter().any(|action| action.href == url), shown, "{url}");
        }
    }
}
