//! The one table of errors: what the caller learns of each.

use http::StatusCode;

use entra_obo::{
    Policy, Problem,
    toolkit::{ProblemType, SendProblems, claims_problem, problem_type::SERVER_MISCONFIGURED},
};

use crate::error::Error;

macro_rules! problem_types {
    ($($name:ident = $status:ident $code:literal, $detail:literal, $remedy:literal;)+) => {
        $(const $name: ProblemType = ProblemType::new(StatusCode::$status, $code, $detail, $remedy);)+

        /// The problems that this component has in addition to those of validation and exchange
        /// (`entra_obo::toolkit::PROBLEM_TYPES`).
        pub const PROBLEM_TYPES: &[ProblemType] = &[$($name),+];
    };
}

problem_types! {
    INVALID_PATH = BAD_REQUEST "invalid_path",
        "The request's target is not one that every program reads alike.",
        "Send a path without dot segments, empty segments, encoded slashes or backslashes";
    BODY_BROKEN = BAD_REQUEST "request_body_broken",
        "The request's body ended before it was complete.",
        "Send the request again";
    PARAMETER_NOT_SUPPORTED = BAD_REQUEST "parameter_not_supported",
        "The parameter that `parameter` names is not supported, or has a value that the operator does not allow.",
        "Leave out the parameter that `parameter` names; scopes must be declared in `downstream_apis`";
    ORIGIN_NOT_ALLOWED = FORBIDDEN "origin_not_allowed",
        "Pages of this origin are not allowed to call this API. Its operator sets the origins that are.",
        "The page's origin is not in `allowed_origins`";
    APPLICATION_TOKENS = FORBIDDEN "application_tokens_disabled",
        "Tokens of the application itself are not issued here, only tokens on behalf of a signed-in person.",
        "Call `/AuthorizationHeader` or `/DownstreamApi` with the caller's `Authorization` header; or name the API in \
         `application_tokens_for`, and send a request of the app's own";
    NOT_FOUND = NOT_FOUND "not_found",
        "There is nothing here.",
        "For the app: use a path of [the sidecar](#the-sidecar). From outside: `upstream` must be set";
    UNKNOWN_API = NOT_FOUND "downstream_api_unknown",
        "There is no downstream API of this name.",
        "Declare it in `downstream_apis`, or use a name that is declared";
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED "method_not_allowed",
        "This path does not support this method.",
        "Use a method that `Allow` names";
    HEAD_TOO_LARGE = REQUEST_HEADER_FIELDS_TOO_LARGE "request_head_too_large",
        "The request's headers are too large to be passed on.",
        "Send fewer or shorter headers, in all less than 100 KiB";
    UPGRADE = NOT_IMPLEMENTED "upgrade_not_supported",
        "WebSockets are not supported here. Use requests and server-sent events.",
        "Use requests and server-sent events, or reach the WebSocket another way";
    APP_UNREACHABLE = BAD_GATEWAY "app_unreachable",
        "The app behind this gateway could not be reached.",
        "For the operator: `upstream` names no component of this app, or a host that does not answer; `cause` in \
         the log says more";
    DOWNSTREAM_UNREACHABLE = BAD_GATEWAY "downstream_unreachable",
        "The downstream API could not be reached. Try again.",
        "Try again; if it persists, tell the operator";
    APP_TIMEOUT = GATEWAY_TIMEOUT "app_timeout",
        "The app behind this gateway did not answer in time. Try again.",
        "Try again";
    DOWNSTREAM_TIMEOUT = GATEWAY_TIMEOUT "downstream_timeout",
        "The downstream API did not answer in time. Try again.",
        "Try again";
}

/// The problems of the app behind the gateway.
const APP: SendProblems = SendProblems { unreachable: &APP_UNREACHABLE, timeout: &APP_TIMEOUT };

/// The problems of downstream APIs.
const DOWNSTREAM: SendProblems = SendProblems { unreachable: &DOWNSTREAM_UNREACHABLE, timeout: &DOWNSTREAM_TIMEOUT };

/// The problem that an error is to the caller.
///
/// `policy` is missing only where the settings could not be read.
#[must_use]
pub(crate) fn problem(error: &Error, policy: Option<&Policy>) -> Problem {
    match error {
        Error::NotFound | Error::NoUpstream => Problem::new(&NOT_FOUND),
        Error::MethodNotAllowed(_) => Problem::new(&METHOD_NOT_ALLOWED),
        Error::OriginNotAllowed => Problem::new(&ORIGIN_NOT_ALLOWED),
        Error::Path(fault) => Problem::new(&INVALID_PATH).with_detail(fault),
        Error::Upgrade => Problem::new(&UPGRADE),
        Error::HeadTooLarge => Problem::new(&HEAD_TOO_LARGE),
        Error::UnknownApi => Problem::new(&UNKNOWN_API),
        Error::ApplicationTokens(words) => Problem::new(&APPLICATION_TOKENS).with_detail(words),
        Error::Parameter(name) => Problem::new(&PARAMETER_NOT_SUPPORTED).with_member("parameter", Some(name.clone())),
        Error::BodyBroken => Problem::new(&BODY_BROKEN),
        Error::Unsettled(fault) => fault.into(),
        Error::Internal(_) => Problem::new(&SERVER_MISCONFIGURED),
        Error::Refused(refusal) => refusal.problem(),
        Error::App(fault) => APP.problem(fault),
        Error::Downstream(fault) => DOWNSTREAM.problem(fault),
        Error::DownstreamClaims { tenant_id, claims } => match policy {
            Some(policy) => claims_problem(policy, *tenant_id, claims),
            None => Problem::new(&SERVER_MISCONFIGURED),
        },
    }
}
