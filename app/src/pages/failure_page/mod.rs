//! The one table of failures: what the person is told of each, and what they can do.

mod api_failures;
mod sign_in_failures;

use http::StatusCode;

use crate::{
    api::problem::ApiProblem,
    entra::refusal::{EntraRefusal, Meaning},
    failure::Failure,
    host::SendFault,
    settings::Settings,
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
    /// The page of a failure. `settings` are missing only where they could not be read; `is_signed_in` says whether the
    /// browser has a session all the same.
    #[must_use]
    pub fn of(failure: &Failure, settings: Option<&Settings>, is_signed_in: bool) -> Self {
        let page = match failure {
            Failure::SignInRefused(EntraRefusal { meaning: Meaning::Cancelled, .. }) if is_signed_in => Self::new(
                400,
                "Your sign-in is as it was",
                "You left Entra’s page without signing in again, or did not agree to what this app asked for.",
            ),
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
                 below.",
            )
            .act("Try again", "/"),
            Failure::SignOutFromElsewhere => Self::new(
                403,
                "You are still signed in",
                "The request to sign out did not come from a page of this app, so it was not followed.",
            )
            .advise("Use the button “Sign out” at the top of this app’s pages.")
            .act("Go to the first page", "/"),
            Failure::SignInOver => sign_in_failures::over(settings),
            Failure::SignInRefused(refusal) => sign_in_failures::refused(refusal),
            Failure::Redemption(fault) => sign_in_failures::not_redeemed(fault),
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
                "Your sign-in has expired",
                "The token for the API lasts about an hour, and yours has expired. This app does not renew it without \
                 asking you.",
            )
            .act("Sign in again", "/sign-in"),
            Failure::Api(fault) => api_failures::no_profile(fault, settings),
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
        let page = if is_signed_in && failure.is_about_a_sign_in() { page.stay_signed_in() } else { page };
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

    /// For a sign-in that failed while an earlier one lasts.
    fn stay_signed_in(mut self) -> Self {
        let back = Action { label: "Go to your profile", href: "/".to_owned(), is_elsewhere: false };
        self.actions.insert(0, back);
        self.advise("You are still signed in from before; nothing has changed about that.")
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
                status: 403,
                consent_url: Some(url.to_owned()),
                ..ApiProblem::default()
            };
            let page = FailurePage::of(&Failure::Api(ApiFault::Problem(Box::new(problem))), Some(&settings), true);
            assert_eq!(page.actions.iter().any(|action| action.href == url), shown, "{url}");
        }
    }
}
