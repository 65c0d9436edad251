//! The types of problems: what each code means, and what to do about it.

use http::StatusCode;

/// One row of the table of errors. Responses, `docs/errors.md` and the OpenAPI document are made from it.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProblemType {
    /// The status of the response.
    pub status: StatusCode,
    /// The stable identifier, by which programs decide.
    pub code: &'static str,
    /// What happened, for people. Some problems say it more precisely.
    pub detail: &'static str,
    /// What the caller or the operator can do about it, in Markdown.
    pub remedy: &'static str,
    /// Whether the response has a `WWW-Authenticate` header, and its `error` parameter (RFC 6750 section 3.1).
    pub challenge: Challenge,
}

/// The `WWW-Authenticate` header of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// None: another token does not help.
    None,
    /// One without an `error`: the request had no token.
    Bare,
    /// One with this `error`.
    Error(&'static str),
    /// One with this `error` and, as `error_description`, these words.
    Described(&'static str, &'static str),
    /// One with this `error` and, as `error_description`, the problem's detail.
    Detailed(&'static str),
}

impl ProblemType {
    /// A row of the table of an API that adds problems of its own.
    #[must_use]
    pub const fn new(status: StatusCode, code: &'static str, detail: &'static str, remedy: &'static str) -> Self {
        Self { status, code, detail, remedy, challenge: Challenge::None }
    }

    const fn with(self, challenge: Challenge) -> Self {
        Self { challenge, ..self }
    }
}

macro_rules! problem_types {
    ($($name:ident = $status:ident $code:literal, $challenge:expr, $detail:literal, $remedy:literal;)+) => {
        $(
            #[doc = concat!("`", $code, "`")]
            pub const $name: ProblemType = ProblemType::new(StatusCode::$status, $code, $detail, $remedy).with($challenge);
        )+

        /// Every problem that validation and exchange can end in.
        pub const PROBLEM_TYPES: &[ProblemType] = &[$($name),+];
    };
}

problem_types! {
    INVALID_REQUEST = BAD_REQUEST "invalid_request", Challenge::Error("invalid_request"),
        "Send one Authorization header, not several.",
        "Send one `Authorization` header";
    TOKEN_MISSING = UNAUTHORIZED "token_missing", Challenge::Bare,
        "Send an access token for this API in the header Authorization: Bearer <token>.",
        "Send a token for this API";
    INVALID_TOKEN = UNAUTHORIZED "invalid_token", Challenge::Detailed("invalid_token"),
        "The token is not valid.",
        "Get another token; `detail` says what is wrong with this one";
    CLAIMS_CHALLENGE = UNAUTHORIZED "claims_challenge", Challenge::Error("insufficient_claims"),
        "Microsoft Entra ID requires a sign-in that satisfies these claims. Ask it for a token with them, and send the new \
         one.",
        "Ask Entra for a token with the `claims` in the challenge (multifactor authentication, device, location)";
    INTERACTION_REQUIRED = UNAUTHORIZED "interaction_required",
        Challenge::Described("invalid_token", "The person must sign in again."),
        "Microsoft Entra ID requires the person to sign in again. Let them do so, and send the new token.",
        "Let the person sign in again";
    TOKEN_REFUSED = UNAUTHORIZED "token_refused",
        Challenge::Described("invalid_token", "The token has expired or was revoked."),
        "Microsoft Entra ID no longer accepts this token: it has expired or was revoked. Get a new one.",
        "Get a new token; this one has expired or was revoked";
    INSUFFICIENT_SCOPE = FORBIDDEN "insufficient_scope", Challenge::Error("insufficient_scope"),
        "The token has none of the scopes that this API needs; ask Entra for one of them.",
        "Ask Entra for one of the `scopes`, which are in the challenge too";
    APP_ONLY_TOKEN = FORBIDDEN "app_only_token", Challenge::Error("insufficient_scope"),
        "The token is an application's own. This API acts for a signed-in person: use a delegated access token.",
        "Use a token of a signed-in person, not an application's own";
    CLIENT_NOT_ALLOWED = FORBIDDEN "client_not_allowed", Challenge::None,
        "The calling application is not one of those that are allowed to call this API.",
        "The application is not in `allowed_clients`";
    CONSENT_REQUIRED = FORBIDDEN "consent_required", Challenge::Described("insufficient_scope", "Consent is missing."),
        "Nobody has consented to this API acting for this person. The person can do so at consent_url, if their \
         directory lets them; an administrator for everyone at admin_consent_url. Then get a new token.",
        "Consent at `consent_url`, or have an administrator consent at `admin_consent_url`";
    ACCESS_DENIED = FORBIDDEN "access_denied", Challenge::None,
        "Microsoft Entra ID does not let this person use this API, because of a policy, a missing assignment or the state \
         of their account. Signing in again does not help; their administrator can find the reason by the ids below.",
        "Ask the person's administrator: a policy, a missing assignment or the account's state forbids it, and signing in \
         again does not help";
    SERVER_MISCONFIGURED = INTERNAL_SERVER_ERROR "server_misconfigured", Challenge::None,
        "This API is misconfigured. Its operator can find the cause in the log by request_id.",
        "For the operator: the log line names the variable, or Entra's error";
    ENTRA_UNREACHABLE = BAD_GATEWAY "entra_unreachable", Challenge::None,
        "Microsoft Entra ID could not be reached. Try again.",
        "Try again; if it persists, tell the operator";
    ENTRA_UNUSABLE_ANSWER = BAD_GATEWAY "entra_unusable_answer", Challenge::None,
        "Microsoft Entra ID gave an answer that this API does not understand.",
        "Try again; if it persists, tell the operator";
    ENTRA_THROTTLED = SERVICE_UNAVAILABLE "entra_throttled", Challenge::None,
        "Microsoft Entra ID has received too many requests. Wait as long as Retry-After says, then try again.",
        "Wait as long as `Retry-After` says";
    ENTRA_UNAVAILABLE = SERVICE_UNAVAILABLE "entra_unavailable", Challenge::None,
        "Microsoft Entra ID is unavailable at the moment. Try again later.",
        "Wait as long as `Retry-After` says";
    SERVER_UNAVAILABLE = SERVICE_UNAVAILABLE "server_unavailable", Challenge::None,
        "This API cannot call the services that it needs at the moment. Try again later.",
        "Wait as long as `Retry-After` says";
    ENTRA_TIMEOUT = GATEWAY_TIMEOUT "entra_timeout", Challenge::None,
        "Microsoft Entra ID did not answer in time. Try again.",
        "Try again";
    REQUEST_TIMEOUT = GATEWAY_TIMEOUT "request_timeout", Challenge::None,
        "The request took longer than this API allows. Try again.",
        "Try again";
}
