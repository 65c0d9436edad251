//! What a page says about a failure.

use http::StatusCode;

use entra_obo::{
    host::SendFault,
    toolkit::{FaultKind, UpstreamFault},
};

use crate::{api::problem::ApiProblem, entra::refusal::EntraRefusal, settings::AppSettings};

/// A failure, explained to the person, and its status.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Explanation {
    pub(crate) status: StatusCode,
    /// What happened, in a few words.
    pub(crate) title: &'static str,
    /// What happened, in a sentence or two.
    pub(crate) happened: &'static str,
    /// What to do, in a sentence or two each.
    pub(crate) remedies: Vec<String>,
    /// Where to go next, the best choice first.
    pub(crate) actions: Vec<Action>,
    /// What support will ask for.
    pub(crate) facts: Vec<Fact>,
}

/// A link.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Action {
    pub(crate) label: &'static str,
    pub(crate) href: String,
    /// Whether it leads out of this app, and so opens in a new tab.
    pub(crate) is_external: bool,
}

/// A name and a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) label: &'static str,
    pub(crate) value: String,
}

impl Explanation {
    pub(super) const fn new(status: StatusCode, title: &'static str, happened: &'static str) -> Self {
        Self { status, title, happened, remedies: Vec::new(), actions: Vec::new(), facts: Vec::new() }
    }

    pub(super) fn advise(mut self, remedy: impl Into<String>) -> Self {
        self.remedies.push(remedy.into());
        self
    }

    pub(super) fn act(mut self, label: &'static str, href: &str) -> Self {
        self.actions.push(Action { label, href: href.to_owned(), is_external: false });
        self
    }

    /// For a sign-in that failed while an earlier session lasts.
    pub(super) fn stay_signed_in(mut self) -> Self {
        let back = Action { label: "Go to your profile", href: "/".to_owned(), is_external: false };
        self.actions.insert(0, back);
        self.advise("You are still signed in as before.")
    }

    /// Adds a link that the API chose, only if it leads to Entra.
    pub(super) fn act_at_entra(
        mut self,
        label: &'static str,
        href: Option<&String>,
        settings: Option<&AppSettings>,
    ) -> Self {
        if let (Some(href), Some(settings)) = (href, settings)
            && settings.authority_host.is_of(href)
        {
            self.actions.push(Action { label, href: href.clone(), is_external: true });
        }
        self
    }

    pub(super) fn fact(mut self, label: &'static str, value: Option<impl ToString>) -> Self {
        self.facts.extend(value.map(|value| Fact { label, value: value.to_string() }));
        self
    }

    pub(super) fn facts_of_refusal(self, refusal: &EntraRefusal) -> Self {
        self.fact("Entra’s error", Some(&refusal.error))
            .fact("Entra’s code", refusal.number.map(|number| format!("AADSTS{number}")))
            .fact("Entra’s correlation id", refusal.correlation_id)
            .fact("Entra’s trace id", refusal.trace_id)
    }

    pub(super) fn facts_of_problem(self, problem: &ApiProblem) -> Self {
        self.fact("The API’s code", Some(&problem.code))
            .fact("The API’s explanation", Some(&problem.detail).filter(|detail| !detail.is_empty()))
            .fact("The API’s status", Some(problem.status.as_u16()))
            .fact("The API’s request id", problem.request_id.as_ref())
            .fact("Entra’s correlation id", problem.entra_correlation_id.as_ref())
            .fact("Entra’s trace id", problem.entra_trace_id.as_ref())
            .fact("Graph’s code", problem.graph_error_code.as_ref())
            .fact("Graph’s request id", problem.graph_request_id.as_ref())
    }
}

/// About a service that did not respond; `setting` names its address.
pub(super) fn no_response(
    fault: &UpstreamFault,
    title: &'static str,
    happened: &'static str,
    setting: &'static str,
) -> Explanation {
    let (status, reason) = match fault.kind {
        FaultKind::Send(SendFault::TimedOut | SendFault::DeadlinePassed) => {
            (StatusCode::GATEWAY_TIMEOUT, "no response in time")
        }
        FaultKind::Send(SendFault::Denied(_)) => (StatusCode::BAD_GATEWAY, "this app is not allowed to call it"),
        FaultKind::Send(SendFault::Broken(_)) => (StatusCode::BAD_GATEWAY, "the connection failed"),
        FaultKind::Unusable(_) | FaultKind::Unavailable(..) => (StatusCode::BAD_GATEWAY, "the response cannot be used"),
    };
    Explanation::new(status, title, happened)
        .advise("Try again in a moment.")
        .advise(format!("If you run this app: check that the service is running, and that {setting} is its address."))
        .fact("Reason", Some(reason))
}
