//! The one table of errors: what the caller learns of each.

use http::StatusCode;

use entra_obo::{
    Policy, Problem,
    toolkit::{
        OUTAGE_WAIT, ProblemType, SendProblems, UpstreamProblems, claims_problem,
        problem_type::{SERVER_MISCONFIGURED, SERVER_UNAVAILABLE},
    },
};

use crate::{
    error::Error,
    graph::{
        resource::{GraphMeaning, GraphRefusal},
        streams::TooManyStreams,
    },
};

macro_rules! problem_types {
    ($($name:ident = $status:ident $code:literal, $detail:literal, $remedy:literal;)+) => {
        $(const $name: ProblemType = ProblemType::new(StatusCode::$status, $code, $detail, $remedy);)+

        /// The problems that this API has in addition to those of validation and exchange (`entra_obo::toolkit::PROBLEM_TYPES`).
        pub const PROBLEM_TYPES: &[ProblemType] = &[$($name),+];
    };
}

problem_types! {
    // The same code as in the core, for one more reason.
    INVALID_REQUEST = BAD_REQUEST "invalid_request",
        "The query is not one that this API knows.",
        "Send one `Authorization` header, and no query but `$select`";
    GRAPH_REJECTED_REQUEST = BAD_REQUEST "graph_rejected_request",
        "Microsoft Graph rejected the request. Most likely it does not return one of the properties in $select, or not \
         for this person.",
        "Correct `$select`: Graph does not return one of these properties, or not for this person. It leaves out names that \
         it does not know";
    ORIGIN_NOT_ALLOWED = FORBIDDEN "origin_not_allowed",
        "Pages of this origin are not allowed to call this API. Its operator sets the origins that are.",
        "The page's origin is not in `allowed_origins`";
    GRAPH_FORBIDDEN = FORBIDDEN "graph_forbidden",
        "Microsoft Graph does not let this person read this.",
        "Graph's own refusal; `graph_error_code` says more";
    GRAPH_NOT_FOUND = NOT_FOUND "graph_not_found",
        "Microsoft Graph does not find this person, or what was requested.",
        "Graph's own refusal: there may be no photo, for example; `graph_error_code` says more";
    NOT_FOUND = NOT_FOUND "not_found",
        "There is nothing here. The API is at /api/profile-get.",
        "Use a path of the table in the [README](../README.md#requests); paths that `spin.toml` does not route get an empty \
         404 from Spin";
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED "method_not_allowed",
        "Use GET or HEAD.",
        "Use a method of the table in the [README](../README.md#requests)";
    GRAPH_THROTTLED = TOO_MANY_REQUESTS "graph_throttled",
        "Microsoft Graph has received too many requests. Wait as long as Retry-After says, then try again.",
        "Wait as long as `Retry-After` says";
    TOO_MANY_DOWNLOADS = TOO_MANY_REQUESTS "too_many_downloads",
        "Several photos are being sent to this person already. Read those to their end, then try again.",
        "Read the photos that are being sent to this person to their end, then try again";
    GRAPH_UNREACHABLE = BAD_GATEWAY "graph_unreachable",
        "Microsoft Graph could not be reached. Try again.",
        "Try again; if it persists, tell the operator";
    GRAPH_UNUSABLE_ANSWER = BAD_GATEWAY "graph_unusable_answer",
        "Microsoft Graph gave an answer that this API does not understand.",
        "Try again; if it persists, tell the operator";
    GRAPH_REFUSED_TOKEN = BAD_GATEWAY "graph_refused_token",
        "Microsoft Graph does not accept the token that Microsoft Entra ID issued for it. Try again later.",
        "Try again; if it persists, tell the operator";
    GRAPH_UNAVAILABLE = SERVICE_UNAVAILABLE "graph_unavailable",
        "Microsoft Graph is unavailable at the moment. Try again later.",
        "Wait as long as `Retry-After` says";
    NOT_READY = SERVICE_UNAVAILABLE "not_ready",
        "This instance cannot serve requests at the moment. Its operator can find the reason in the log.",
        "For the operator, and at `/readyz` only: the log line with `event` `readiness` has the reason";
    GRAPH_TIMEOUT = GATEWAY_TIMEOUT "graph_timeout",
        "Microsoft Graph did not answer in time. Try again.",
        "Try again";
}

/// The problems of Graph.
const GRAPH: UpstreamProblems = UpstreamProblems {
    send: SendProblems { unreachable: &GRAPH_UNREACHABLE, timeout: &GRAPH_TIMEOUT },
    unusable: &GRAPH_UNUSABLE_ANSWER,
    unavailable: &GRAPH_UNAVAILABLE,
};

/// The problem that an error is to the caller.
///
/// `policy` is missing only where the settings could not be read.
#[must_use]
pub(crate) fn problem(error: &Error, policy: Option<&Policy>) -> Problem {
    match error {
        Error::NotFound => Problem::new(&NOT_FOUND),
        Error::MethodNotAllowed => Problem::new(&METHOD_NOT_ALLOWED),
        Error::OriginNotAllowed => Problem::new(&ORIGIN_NOT_ALLOWED),
        Error::Query(fault) => Problem::new(&INVALID_REQUEST).with_detail(fault.words()),
        Error::Unsettled(fault) => fault.into(),
        Error::Internal(_) => Problem::new(&SERVER_MISCONFIGURED),
        Error::NotReady(_) => Problem::new(&NOT_READY).with_retry_after(OUTAGE_WAIT),
        Error::Refused(refusal) => refusal.problem(),
        Error::Upstream(fault) => GRAPH.problem(fault),
        Error::Graph { tenant_id, refusal } => {
            let problem = match (&refusal.meaning, policy) {
                (GraphMeaning::ClaimsChallenge(claims), Some(policy)) => claims_problem(policy, *tenant_id, claims),
                _ => of_graph(refusal),
            };
            problem
                .with_member("graph_error_code", refusal.graph_code.clone())
                .with_member("graph_request_id", refusal.graph_request_id.clone())
        }
        Error::TooManyStreams(TooManyStreams::OfPerson) => {
            Problem::new(&TOO_MANY_DOWNLOADS).with_retry_after(OUTAGE_WAIT)
        }
        Error::TooManyStreams(TooManyStreams::OfInstance) => Problem::new(&SERVER_UNAVAILABLE)
            .with_detail("This API is sending as many photos as it can. Try again later.")
            .with_retry_after(OUTAGE_WAIT),
    }
}

fn of_graph(refusal: &GraphRefusal) -> Problem {
    match &refusal.meaning {
        GraphMeaning::Rejected => Problem::new(&GRAPH_REJECTED_REQUEST),
        GraphMeaning::TokenRefused | GraphMeaning::ClaimsChallenge(_) => Problem::new(&GRAPH_REFUSED_TOKEN),
        GraphMeaning::Forbidden => Problem::new(&GRAPH_FORBIDDEN),
        GraphMeaning::NotFound => Problem::new(&GRAPH_NOT_FOUND),
        GraphMeaning::NoPhoto => {
            Problem::new(&GRAPH_NOT_FOUND).with_detail("Microsoft Graph has no photo of this person.")
        }
        GraphMeaning::Throttled(wait) => Problem::new(&GRAPH_THROTTLED).with_retry_after(*wait),
        GraphMeaning::Unavailable(wait) => Problem::new(&GRAPH_UNAVAILABLE).with_retry_after(*wait),
        GraphMeaning::Unusable => Problem::new(&GRAPH_UNUSABLE_ANSWER),
    }
}
