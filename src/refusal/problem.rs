//! The one table of errors: what the caller learns of each.

use std::time::Duration;

use http::{HeaderValue, StatusCode};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    caller::bearer_token::BearerFault,
    caller::verified_caller::{CallerRefusal, TokenFault},
    exchange::refusal::{ExchangeRefusal, Meaning},
    graph::request::{GraphMeaning, GraphRefusal},
    graph::select::QueryFault,
    graph::streams::TooManyStreams,
    host::SendFault,
    refusal::challenge::BearerChallenge,
    refusal::error::Error,
    settings::{Settings, Tenancy},
    upstream::call::{FaultKind, Service, UpstreamFault},
};

/// When to come back from an outage of which nobody knows the length.
const OUTAGE_WAIT: Duration = Duration::from_secs(5);

/// A problem document (RFC 9457) and the headers that go with it.
#[derive(Debug, Serialize)]
pub struct Problem {
    #[serde(skip)]
    status_code: StatusCode,
    #[serde(skip)]
    challenge: Option<BearerChallenge>,
    #[serde(skip)]
    retry_after: Option<Duration>,
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'static str,
    #[serde(flatten)]
    more: More,
}

/// What only some problems have.
#[derive(Debug, Default, Serialize)]
struct More {
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_consent_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entra_correlation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entra_trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    graph_error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    graph_request_id: Option<String>,
}

impl Problem {
    /// The problem that an error is to the caller.
    ///
    /// `settings` are missing only where they could not be read.
    #[must_use]
    pub fn of(error: &Error, settings: Option<&Settings>) -> Self {
        let challenge = || settings.map(home_challenge);
        match error {
            Error::NotFound => Self::new(404, "not_found", "There is nothing here. The API is at /api/profile-get."),
            Error::MethodNotAllowed => Self::new(405, "method_not_allowed", "Use GET or HEAD."),
            Error::OriginNotAllowed => Self::new(
                403,
                "origin_not_allowed",
                "Pages of this origin are not allowed to call this API. Its operator sets the origins that are.",
            ),
            Error::Query(fault) => Self::new(400, "invalid_request", query_words(*fault)),
            Error::Bearer(BearerFault::Missing) => {
                Self::new(401, "token_missing", bearer_words(BearerFault::Missing)).with_challenge(challenge())
            }
            Error::Bearer(BearerFault::Several) => {
                Self::new(400, "invalid_request", bearer_words(BearerFault::Several))
                    .with_challenge(challenge().map(|challenge| challenge.with("error", "invalid_request")))
            }
            Error::Bearer(fault) => Self::invalid_token(challenge(), bearer_words(*fault)),
            Error::Caller(CallerRefusal::Token(fault)) => Self::invalid_token(challenge(), token_words(*fault)),
            Error::Caller(CallerRefusal::AppOnly) => Self::app_only(challenge()),
            Error::Caller(CallerRefusal::ScopeMissing) => {
                let scope = settings.map(Settings::scopes_to_ask_for).unwrap_or_default();
                Self::new(403, "insufficient_scope", SCOPE_MISSING)
                    .with_challenge(
                        challenge()
                            .map(|challenge| challenge.with("error", "insufficient_scope").with("scope", &scope)),
                    )
                    .with(|more| more.scopes = Some(scope))
            }
            Error::Caller(CallerRefusal::ClientNotAllowed(_)) => {
                Self::new(403, "client_not_allowed", CLIENT_NOT_ALLOWED)
            }
            Error::Settings(faults) if faults.may_pass() => Self::settings_unreadable(),
            Error::Settings(_) | Error::Credential(_) | Error::Internal(_) => Self::misconfigured(),
            Error::VariableUnavailable { .. } => Self::settings_unreadable(),
            Error::Upstream(fault) => Self::of_upstream(fault),
            Error::Exchange { tenant_id, refusal } => Self::of_exchange(*tenant_id, refusal, settings),
            Error::Graph { tenant_id, refusal } => Self::of_graph(*tenant_id, refusal, settings),
            Error::TooManyStreams(TooManyStreams::OfPerson) => Self::new(
                429,
                "too_many_downloads",
                "Several photos are being sent to this person already. Read those to their end, then try again.",
            )
            .with_retry_after(OUTAGE_WAIT),
            Error::TooManyStreams(TooManyStreams::OfInstance) => Self::unavailable(
                "server_unavailable",
                "This API is sending as many photos as it can. Try again later.",
                OUTAGE_WAIT,
            ),
            Error::DeadlinePassed => Self::out_of_time(),
        }
    }

    fn out_of_time() -> Self {
        Self::new(504, "request_timeout", "The request took longer than this API allows. Try again.")
    }

    fn of_upstream(UpstreamFault { step, kind }: &UpstreamFault) -> Self {
        match (step.service, kind) {
            // Spin also says so while it cannot read a variable that the list of allowed hosts is made from.
            (_, FaultKind::Send(SendFault::Denied)) => Self::unavailable(
                "server_unavailable",
                "This API cannot call the services that it needs at the moment. Try again later.",
                OUTAGE_WAIT,
            ),
            (_, FaultKind::Send(SendFault::DeadlinePassed)) => Self::out_of_time(),
            (Service::Entra, FaultKind::Send(SendFault::TimedOut)) => {
                Self::new(504, "entra_timeout", "Microsoft Entra ID did not answer in time. Try again.")
            }
            (Service::Graph, FaultKind::Send(SendFault::TimedOut)) => {
                Self::new(504, "graph_timeout", "Microsoft Graph did not answer in time. Try again.")
            }
            (Service::Entra, FaultKind::Send(SendFault::Broken(_))) => {
                Self::new(502, "entra_unreachable", "Microsoft Entra ID could not be reached. Try again.")
            }
            (Service::Graph, FaultKind::Send(SendFault::Broken(_))) => {
                Self::new(502, "graph_unreachable", "Microsoft Graph could not be reached. Try again.")
            }
            (Service::Entra, FaultKind::Unusable(_)) => Self::entra_unusable(),
            (Service::Graph, FaultKind::Unusable(_)) => Self::graph_unusable(),
            (Service::Entra, FaultKind::Unavailable(_, wait)) => Self::entra_unavailable(*wait),
            (Service::Graph, FaultKind::Unavailable(_, wait)) => Self::unavailable(
                "graph_unavailable",
                "Microsoft Graph is unavailable at the moment. Try again later.",
                wait.unwrap_or(OUTAGE_WAIT),
            ),
        }
    }

    fn of_exchange(tenant_id: Uuid, refusal: &ExchangeRefusal, settings: Option<&Settings>) -> Self {
        let challenge = || settings.map(|settings| tenant_challenge(settings, &tenant_id.to_string()));
        let problem = match &refusal.meaning {
            Meaning::ClaimsChallenge(claims) => Self::claims_challenge(challenge(), claims),
            Meaning::InteractionRequired => Self::new(
                401,
                "interaction_required",
                "Microsoft Entra ID requires the person to sign in again. Let them do so, and send the new token.",
            )
            .with_challenge(challenge().map(|challenge| {
                challenge.with("error", "invalid_token").with("error_description", "The person must sign in again.")
            })),
            Meaning::AssertionRefused => Self::new(
                401,
                "token_refused",
                "Microsoft Entra ID no longer accepts this token: it has expired or was revoked. Get a new one.",
            )
            .with_challenge(challenge().map(|challenge| {
                challenge
                    .with("error", "invalid_token")
                    .with("error_description", "The token has expired or was revoked.")
            })),
            Meaning::AppOnly => Self::app_only(challenge()),
            Meaning::ConsentRequired => Self::consent_required(challenge(), tenant_id, settings),
            Meaning::AccessDenied => Self::new(
                403,
                "access_denied",
                "Microsoft Entra ID does not let this person use this API, because of a policy, a missing assignment or \
                 the state of their account. Signing in again does not help; their administrator can find the reason by \
                 the ids below.",
            ),
            Meaning::CredentialRefused | Meaning::OperatorFault => Self::misconfigured(),
            Meaning::Throttled { retry_after, .. } => Self::entra_throttles(*retry_after),
            Meaning::Unavailable(wait) => Self::entra_unavailable(*wait),
            Meaning::Unusable => Self::entra_unusable(),
        };
        problem.with(|more| {
            more.entra_correlation_id.clone_from(&refusal.correlation_id);
            more.entra_trace_id.clone_from(&refusal.trace_id);
        })
    }

    fn of_graph(tenant_id: Uuid, refusal: &GraphRefusal, settings: Option<&Settings>) -> Self {
        let challenge = || settings.map(|settings| tenant_challenge(settings, &tenant_id.to_string()));
        let problem = match &refusal.meaning {
            GraphMeaning::ClaimsChallenge(claims) => Self::claims_challenge(challenge(), claims),
            GraphMeaning::Rejected => Self::new(
                400,
                "graph_rejected_request",
                "Microsoft Graph rejected the request. Most likely $select names a property that users do not have, or \
                 that Graph does not have for this person.",
            ),
            GraphMeaning::TokenRefused => Self::new(
                502,
                "graph_refused_token",
                "Microsoft Graph does not accept the token that Microsoft Entra ID issued for it. Try again later.",
            ),
            GraphMeaning::Forbidden => {
                Self::new(403, "graph_forbidden", "Microsoft Graph does not let this person read this.")
            }
            GraphMeaning::NotFound => {
                Self::new(404, "graph_not_found", "Microsoft Graph does not find this person, or what was asked for.")
            }
            GraphMeaning::NoPhoto => Self::new(404, "graph_not_found", "Microsoft Graph has no photo of this person."),
            GraphMeaning::Throttled(wait) => {
                let words =
                    "Microsoft Graph has received too many requests. Wait as long as Retry-After says, then try again.";
                Self::new(429, "graph_throttled", words).with_retry_after(*wait)
            }
            GraphMeaning::Unavailable(wait) => Self::unavailable(
                "graph_unavailable",
                "Microsoft Graph is unavailable at the moment. Try again later.",
                *wait,
            ),
            GraphMeaning::Unusable => Self::graph_unusable(),
        };
        problem.with(|more| {
            more.graph_error_code.clone_from(&refusal.graph_code);
            more.graph_request_id.clone_from(&refusal.graph_request_id);
        })
    }

    fn new(status: u16, code: &'static str, detail: &'static str) -> Self {
        let status_code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status_code,
            challenge: None,
            retry_after: None,
            // RFC 9457 section 4.2.1: the title is then the status's own phrase.
            kind: "about:blank",
            title: status_code.canonical_reason().unwrap_or_default(),
            status,
            code,
            detail,
            more: More::default(),
        }
    }

    fn invalid_token(challenge: Option<BearerChallenge>, words: &'static str) -> Self {
        Self::new(401, "invalid_token", words).with_challenge(
            challenge.map(|challenge| challenge.with("error", "invalid_token").with("error_description", words)),
        )
    }

    fn claims_challenge(challenge: Option<BearerChallenge>, claims: &str) -> Self {
        let words = "Microsoft Entra ID requires a sign-in that satisfies these claims. Ask it for a token with them, and \
                     send the new one.";
        Self::new(401, "claims_challenge", words)
            .with_challenge(challenge.map(|challenge| challenge.with_claims(claims)))
            .with(|more| more.claims = Some(claims.to_owned()))
    }

    fn consent_required(challenge: Option<BearerChallenge>, tenant_id: Uuid, settings: Option<&Settings>) -> Self {
        let words = "Nobody has consented to this API reading this person's profile. The person can do so at consent_url, \
                     an administrator for everybody at admin_consent_url; then get a new token.";
        let problem = Self::new(403, "consent_required", words);
        let Some(settings) = settings else { return problem };
        let Settings { authority_host, client_id, graph_scopes, .. } = settings;
        let query = |response: bool| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("client_id", &client_id.to_string());
            if response {
                query.append_pair("response_type", "code").append_pair("prompt", "consent");
            }
            query.append_pair("scope", graph_scopes).finish()
        };
        let consent_url = format!("{authority_host}/{tenant_id}/oauth2/v2.0/authorize?{}", query(true));
        let admin_consent_url = format!("{authority_host}/{tenant_id}/v2.0/adminconsent?{}", query(false));
        // The three parameters are those that Microsoft.Identity.Web's clients read.
        let challenge = challenge.map(|challenge| {
            challenge
                .with("error", "insufficient_scope")
                .with("error_description", "Consent is missing.")
                .with("consentUri", &consent_url)
                .with("scopes", graph_scopes)
                .with("proposedAction", "consent")
        });
        problem.with_challenge(challenge).with(|more| {
            more.scopes = Some(graph_scopes.clone());
            more.consent_url = Some(consent_url);
            more.admin_consent_url = Some(admin_consent_url);
        })
    }

    fn app_only(challenge: Option<BearerChallenge>) -> Self {
        Self::new(403, "app_only_token", APP_ONLY)
            .with_challenge(challenge.map(|challenge| challenge.with("error", "insufficient_scope")))
    }

    fn entra_unusable() -> Self {
        Self::new(502, "entra_unusable_answer", "Microsoft Entra ID gave an answer that this API does not understand.")
    }

    fn graph_unusable() -> Self {
        Self::new(502, "graph_unusable_answer", "Microsoft Graph gave an answer that this API does not understand.")
    }

    fn settings_unreadable() -> Self {
        let words = "This API cannot read its own settings at the moment. Try again later.";
        Self::unavailable("server_unavailable", words, OUTAGE_WAIT)
    }

    fn misconfigured() -> Self {
        Self::new(
            500,
            "server_misconfigured",
            "This API is misconfigured. Its operator can find the cause in the log by request_id.",
        )
    }

    fn entra_throttles(wait: Duration) -> Self {
        Self::unavailable(
            "entra_throttled",
            "Microsoft Entra ID has received too many requests. Wait as long as Retry-After says, then try again.",
            wait,
        )
    }

    /// The same for each of Entra's endpoints and for each status that means an outage.
    fn entra_unavailable(wait: Option<Duration>) -> Self {
        Self::unavailable(
            "entra_unavailable",
            "Microsoft Entra ID is unavailable at the moment. Try again later.",
            wait.unwrap_or(OUTAGE_WAIT),
        )
    }

    fn unavailable(code: &'static str, detail: &'static str, wait: Duration) -> Self {
        Self::new(503, code, detail).with_retry_after(wait)
    }

    fn with_challenge(mut self, challenge: Option<BearerChallenge>) -> Self {
        self.challenge = challenge;
        self
    }

    fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    fn with(mut self, add: impl FnOnce(&mut More)) -> Self {
        add(&mut self.more);
        self
    }

    /// The problem of one request.
    #[must_use]
    pub fn of_request(self, request_id: Uuid) -> Self {
        self.with(|more| more.request_id = Some(request_id))
    }

    /// The stable word for it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status_code
    }

    /// The value of `WWW-Authenticate`.
    #[must_use]
    pub fn take_challenge(&mut self) -> Option<HeaderValue> {
        self.challenge.take()?.into_value()
    }

    /// The value of `Retry-After`: whole seconds, rounded up, so that nobody comes back too early.
    #[must_use]
    pub fn retry_after(&self) -> Option<HeaderValue> {
        let wait = self.retry_after?;
        let begun = u64::from(wait.subsec_nanos() > 0);
        Some(HeaderValue::from(wait.as_secs().saturating_add(begun)))
    }
}

/// The challenge of a caller whose directory is not known.
fn home_challenge(settings: &Settings) -> BearerChallenge {
    match &settings.tenancy {
        Tenancy::Single(tenant) => tenant_challenge(settings, &tenant.to_string()),
        // Microsoft's rule: the realm is empty where the address is a common one.
        Tenancy::Several { authority, .. } => {
            BearerChallenge::new("", &format!("{}/{authority}/oauth2/authorize", settings.authority_host))
        }
    }
}

fn tenant_challenge(settings: &Settings, tenant: &str) -> BearerChallenge {
    BearerChallenge::new(tenant, &format!("{}/{tenant}/oauth2/authorize", settings.authority_host))
}

const APP_ONLY: &str =
    "The token is one of an application. This API acts for a signed-in person: use a delegated access token.";

const SCOPE_MISSING: &str = "The token has none of the scopes that this API needs; ask Entra for one of them.";

const CLIENT_NOT_ALLOWED: &str = "The calling application is not one of those that are allowed to call this API.";

/// What is wrong with a query, for the caller and the log.
pub(crate) const fn query_words(fault: QueryFault) -> &'static str {
    match fault {
        QueryFault::Unknown => "The query may have $select and nothing else, and for a photo nothing at all.",
        QueryFault::Repeated => "The query has $select twice.",
        QueryFault::Malformed => "$select is not a list of property names, separated by commas.",
    }
}

/// What is wrong with the `Authorization` header, for the caller and the log.
pub(crate) const fn bearer_words(fault: BearerFault) -> &'static str {
    match fault {
        BearerFault::Missing => "Send an access token for this API in the header Authorization: Bearer <token>.",
        BearerFault::Several => "Send one Authorization header, not several.",
        BearerFault::Malformed => "The text after Bearer is not a token.",
        BearerFault::TooLong => "The token is too long.",
    }
}

/// Why a caller is turned away, for the caller and the log.
pub(crate) const fn caller_words(refusal: CallerRefusal) -> &'static str {
    match refusal {
        CallerRefusal::Token(fault) => token_words(fault),
        CallerRefusal::AppOnly => APP_ONLY,
        CallerRefusal::ScopeMissing => SCOPE_MISSING,
        CallerRefusal::ClientNotAllowed(_) => CLIENT_NOT_ALLOWED,
    }
}

const fn token_words(fault: TokenFault) -> &'static str {
    match fault {
        TokenFault::NotAJwt => "The token is not a signed JWT.",
        TokenFault::Encrypted => "The token is encrypted; this API takes signed tokens only.",
        TokenFault::Algorithm => "The token is not signed with RS256.",
        TokenFault::Header => "The token's header has a member that this API does not understand.",
        TokenFault::KeyId => "The token does not name its signing key.",
        TokenFault::KeyBound => {
            "The token is bound to a key (proof of possession: cnf, PoP, DPoP), and this API cannot check the proof. Ask \
             Entra for a bearer token."
        }
        TokenFault::MeantForGraph => {
            "The token is meant for Microsoft Graph. Ask Entra for a scope of this API, like api://<client-id>/<scope>."
        }
        TokenFault::IdToken => {
            "The token is an ID token. Send the access token that Entra issues for a scope of this API."
        }
        TokenFault::Claim(_) => "A claim of the token is missing or has the wrong type.",
        TokenFault::Tenant(_) => "The token comes from a directory that is not allowed to call this API.",
        TokenFault::Audience(_) => "The token is for another application; its aud is not this API.",
        TokenFault::Issuer => "The token's issuer is not that of its directory.",
        TokenFault::NotYetValid => "The token is not valid yet.",
        TokenFault::Expired => "The token has expired.",
        TokenFault::Lifetime => "The token is valid for longer than any token that Entra issues.",
        TokenFault::UnknownKey => "The token is signed by a key that the directory does not publish.",
        TokenFault::KeyIssuer => "The token is signed by a key that is not meant for its issuer.",
        TokenFault::Signature => "The token's signature is wrong.",
    }
}
