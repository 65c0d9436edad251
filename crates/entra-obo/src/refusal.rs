//! Why a caller does not get what it requested.

use std::{error, fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Response;
use uuid::Uuid;

use crate::{
    caller::{
        bearer_token::BearerFault,
        token_fault::{CallerRefusal, TokenFault},
    },
    claims_challenge::ClaimsChallenge,
    credential::fault::CredentialFault,
    event_log::Line,
    exchange::{
        downstream::Downstream,
        refusal::{ExchangeRefusal, Meaning},
        source::ExchangeFault,
    },
    host::FileFault,
    keys::source::KeysFault,
    policy::Policy,
    response::{
        bearer_challenge::BearerChallenge,
        outage::{SendProblems, UpstreamProblems, settings_unreadable},
        problem::{OUTAGE_WAIT, Problem},
        problem_type::{
            ACCESS_DENIED, APP_ONLY_TOKEN, CLAIMS_CHALLENGE, CLIENT_NOT_ALLOWED, CONSENT_REQUIRED, ENTRA_THROTTLED,
            ENTRA_TIMEOUT, ENTRA_UNAVAILABLE, ENTRA_UNREACHABLE, ENTRA_UNUSABLE_ANSWER, INSUFFICIENT_SCOPE,
            INTERACTION_REQUIRED, INVALID_REQUEST, INVALID_TOKEN, REQUEST_TIMEOUT, SERVER_MISCONFIGURED,
            SERVER_UNAVAILABLE, TOKEN_MISSING, TOKEN_REFUSED,
        },
    },
    settings::fault::SettingFault,
    upstream::call::FaultKind,
};

/// The problems of Entra.
const ENTRA: UpstreamProblems = UpstreamProblems {
    send: SendProblems { unreachable: &ENTRA_UNREACHABLE, timeout: &ENTRA_TIMEOUT },
    unusable: &ENTRA_UNUSABLE_ANSWER,
    unavailable: &ENTRA_UNAVAILABLE,
};

/// Why a request is refused: what its caller learns ([`Refusal::problem`]), and what the operator learns, by `Display`. The
/// latter holds no token, secret or claim beyond ids.
#[derive(Debug, Clone)]
pub struct Refusal {
    cause: Arc<Cause>,
    policy: Arc<Policy>,
}

/// The faults of all steps.
#[derive(Debug)]
pub(crate) enum Cause {
    Bearer(BearerFault),
    Caller(CallerRefusal),
    Keys(KeysFault),
    Exchange(ExchangeFault),
}

impl Refusal {
    pub(crate) fn new(cause: Cause, policy: &Arc<Policy>) -> Self {
        Self { cause: Arc::new(cause), policy: Arc::clone(policy) }
    }

    /// What the caller learns.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match &*self.cause {
            Cause::Bearer(fault) => {
                let problem_type = match fault {
                    BearerFault::Missing => &TOKEN_MISSING,
                    BearerFault::Several => &INVALID_REQUEST,
                    BearerFault::Empty | BearerFault::Malformed | BearerFault::TooLong => &INVALID_TOKEN,
                };
                self.of_home(Problem::new(problem_type).with_detail(fault.words()))
            }
            Cause::Caller(CallerRefusal::Token(fault)) => {
                self.of_home(Problem::new(&INVALID_TOKEN).with_detail(fault.words()))
            }
            Cause::Caller(CallerRefusal::AppOnly) => self.of_home(Problem::new(&APP_ONLY_TOKEN)),
            Cause::Caller(CallerRefusal::ScopeMissing) => {
                let scopes = self.policy.scopes_to_request();
                self.of_home(Problem::new(&INSUFFICIENT_SCOPE))
                    .with_parameter("scope", &scopes)
                    .with_member("scopes", Some(scopes))
            }
            Cause::Caller(CallerRefusal::ClientNotAllowed(_)) => Problem::new(&CLIENT_NOT_ALLOWED),
            Cause::Keys(KeysFault::OutOfTime) | Cause::Exchange(ExchangeFault::OutOfTime) => {
                Problem::new(&REQUEST_TIMEOUT)
            }
            Cause::Keys(KeysFault::Credential(fault)) | Cause::Exchange(ExchangeFault::Credential(fault)) => {
                of_credential(fault)
            }
            Cause::Keys(KeysFault::Upstream(fault)) | Cause::Exchange(ExchangeFault::Upstream(fault)) => {
                ENTRA.problem(fault)
            }
            Cause::Exchange(ExchangeFault::Unmade(_)) => Problem::new(&SERVER_MISCONFIGURED),
            Cause::Exchange(ExchangeFault::Refused { tenant_id, downstream, refusal }) => {
                self.of_exchange(*tenant_id, downstream, refusal)
            }
        }
    }

    /// The response to the request with this id: a problem document (RFC 9457), with `WWW-Authenticate` (RFC 6750 section 3)
    /// and `Retry-After` where they help.
    #[must_use]
    pub fn into_response(self, request_id: Uuid) -> Response<Bytes> {
        self.problem().into_response(request_id)
    }

    /// Entra's refusal of the exchange, if that is what it is.
    #[must_use]
    pub fn of_entra(&self) -> Option<&ExchangeRefusal> {
        match &*self.cause {
            Cause::Exchange(ExchangeFault::Refused { refusal, .. }) => Some(refusal),
            _ => None,
        }
    }

    /// Adds Entra's own ids to the line about the request, if Entra refused the exchange.
    #[must_use]
    pub fn add_to_line(&self, line: Line) -> Line {
        let Some(refusal) = self.of_entra() else { return line };
        let ids = [("correlation_id", refusal.correlation_id.as_deref()), ("trace_id", refusal.trace_id.as_deref())];
        line.with_object("entra", &ids)
    }

    /// Whether another sign-in of the person would satisfy Entra.
    #[must_use]
    pub fn wants_sign_in(&self) -> bool {
        self.of_entra()
            .is_some_and(|refusal| matches!(refusal.meaning, Meaning::InteractionRequired | Meaning::AssertionRefused))
    }

    fn of_home(&self, problem: Problem) -> Problem {
        problem.with_challenge(BearerChallenge::of_home(&self.policy))
    }

    fn of_exchange(&self, tenant_id: Uuid, downstream: &Downstream, refusal: &ExchangeRefusal) -> Problem {
        let of_directory = |problem_type| {
            Problem::new(problem_type).with_challenge(BearerChallenge::of_directory(&self.policy, tenant_id))
        };
        let problem = match &refusal.meaning {
            Meaning::ClaimsChallenge(claims) => claims_problem(&self.policy, tenant_id, claims),
            Meaning::InteractionRequired => of_directory(&INTERACTION_REQUIRED),
            Meaning::AssertionRefused => of_directory(&TOKEN_REFUSED),
            Meaning::AppOnly => of_directory(&APP_ONLY_TOKEN),
            Meaning::ConsentRequired => self.consent_required(of_directory(&CONSENT_REQUIRED), tenant_id, downstream),
            Meaning::AccessDenied => Problem::new(&ACCESS_DENIED),
            Meaning::CredentialRefused | Meaning::OperatorFault => Problem::new(&SERVER_MISCONFIGURED),
            Meaning::Throttled { retry_after, .. } => Problem::new(&ENTRA_THROTTLED).with_retry_after(*retry_after),
            Meaning::Unavailable(wait) => {
                Problem::new(&ENTRA_UNAVAILABLE).with_retry_after(wait.unwrap_or(OUTAGE_WAIT))
            }
            Meaning::Unusable => Problem::new(&ENTRA_UNUSABLE_ANSWER),
        };
        problem
            .with_member("entra_correlation_id", refusal.correlation_id.clone())
            .with_member("entra_trace_id", refusal.trace_id.clone())
    }

    fn consent_required(&self, problem: Problem, tenant_id: Uuid, downstream: &Downstream) -> Problem {
        let Policy { authority_host, client_id, .. } = &*self.policy;
        let scopes = downstream.scopes();
        let query = |response: bool| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("client_id", &client_id.to_string());
            if response {
                query.append_pair("response_type", "code").append_pair("prompt", "consent");
            }
            query.append_pair("scope", scopes).finish()
        };
        let consent_url = format!("{authority_host}/{tenant_id}/oauth2/v2.0/authorize?{}", query(true));
        let admin_consent_url = format!("{authority_host}/{tenant_id}/v2.0/adminconsent?{}", query(false));
        // The three parameters are those that Microsoft.Identity.Web's clients read.
        problem
            .with_parameter("consentUri", &consent_url)
            .with_parameter("scopes", scopes)
            .with_parameter("proposedAction", "consent")
            .with_member("scopes", Some(scopes.to_owned()))
            .with_member("consent_url", Some(consent_url))
            .with_member("admin_consent_url", Some(admin_consent_url))
    }
}

/// The problem of a caller of this directory whose token must satisfy these claims.
#[must_use]
pub fn claims_problem(policy: &Policy, tenant_id: Uuid, claims: &ClaimsChallenge) -> Problem {
    Problem::new(&CLAIMS_CHALLENGE)
        .with_challenge(BearerChallenge::of_directory(policy, tenant_id))
        .with_parameter("claims", &STANDARD.encode(claims.as_str()))
        .with_member("claims", Some(claims.as_str().to_owned()))
}

fn of_credential(fault: &CredentialFault) -> Problem {
    match fault {
        CredentialFault::Variable(SettingFault::Wrong(_))
        | CredentialFault::Undefined(_)
        | CredentialFault::File(FileFault::Missing)
        | CredentialFault::NotAToken(_) => Problem::new(&SERVER_MISCONFIGURED),
        CredentialFault::Variable(SettingFault::Unreadable(_)) | CredentialFault::File(FileFault::Unreadable(_)) => {
            settings_unreadable()
        }
        CredentialFault::ManagedIdentity(fault) => match &fault.kind {
            FaultKind::Unusable(_) => Problem::new(&SERVER_MISCONFIGURED),
            FaultKind::Send(_) | FaultKind::Unavailable(..) => {
                Problem::new(&SERVER_UNAVAILABLE).with_retry_after(fault.retry_after().unwrap_or(OUTAGE_WAIT))
            }
        },
        CredentialFault::OutOfTime => Problem::new(&REQUEST_TIMEOUT),
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.cause {
            Cause::Bearer(fault) => formatter.write_str(fault.words()),
            Cause::Caller(refusal) => caller_refusal(*refusal, formatter),
            Cause::Keys(fault) => fault.fmt(formatter),
            Cause::Exchange(fault) => fault.fmt(formatter),
        }
    }
}

impl error::Error for Refusal {}

/// What the caller learns, and more where an id or a claim's name shows the operator what to compare.
fn caller_refusal(refusal: CallerRefusal, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    match refusal {
        CallerRefusal::Token(fault) => {
            formatter.write_str(fault.words())?;
            match fault {
                TokenFault::Claim(name) => write!(formatter, " (claim {name})"),
                TokenFault::Audience(Some(id)) => write!(formatter, " (aud {id})"),
                TokenFault::Tenant(id) => write!(formatter, " (tid {id}; see tenant_id and allowed_tenants)"),
                _ => Ok(()),
            }
        }
        CallerRefusal::AppOnly => formatter.write_str(APP_ONLY_TOKEN.detail),
        CallerRefusal::ScopeMissing => write!(formatter, "{} (see required_scope)", INSUFFICIENT_SCOPE.detail),
        CallerRefusal::ClientNotAllowed(Some(id)) => {
            write!(formatter, "{} (client {id}; see allowed_clients)", CLIENT_NOT_ALLOWED.detail)
        }
        CallerRefusal::ClientNotAllowed(None) => {
            write!(formatter, "{} (it has no id; see allowed_clients)", CLIENT_NOT_ALLOWED.detail)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use uuid::Uuid;

    use super::{Cause, Refusal};
    use crate::{
        caller::{
            bearer_token::BearerFault,
            token_fault::{CallerRefusal, TokenFault},
        },
        host::SendFault,
        keys::source::KeysFault,
        policy::{Policy, Tenancy},
        upstream::call::{ENTRA, FaultKind, Step},
    };

    #[test]
    fn the_operator_reads_words() {
        let id = Uuid::from_u128(7);
        let step = Step { service: ENTRA, name: "key set", timeout: Duration::ZERO, max_body: 0 };
        let upstream = |kind| Cause::Keys(KeysFault::Upstream(step.fault(kind)));
        let cases = [
            (Cause::Bearer(BearerFault::TooLong), "too long"),
            (Cause::Caller(CallerRefusal::Token(TokenFault::Claim("tid"))), "claim tid"),
            (
                Cause::Caller(CallerRefusal::Token(TokenFault::Audience(Some(id)))),
                "aud 00000000-0000-0000-0000-000000000007",
            ),
            (Cause::Caller(CallerRefusal::Token(TokenFault::Audience(None))), "its aud is not this API"),
            (Cause::Caller(CallerRefusal::Token(TokenFault::Tenant(id))), "allowed_tenants"),
            (Cause::Caller(CallerRefusal::Token(TokenFault::Expired)), "has expired"),
            (Cause::Caller(CallerRefusal::ClientNotAllowed(Some(id))), "allowed_clients"),
            (Cause::Caller(CallerRefusal::ScopeMissing), "required_scope"),
            (upstream(FaultKind::Send(SendFault::TimedOut)), "Entra key set: no answer in time"),
            (
                upstream(FaultKind::Send(SendFault::denied(&"https://login.example:8443/a/b?c".parse().unwrap()))),
                "denied a call of https://login.example:8443: add it to allowed_outbound_hosts",
            ),
            (upstream(FaultKind::Send(SendFault::Broken("reset".into()))), "(reset)"),
            (upstream(FaultKind::Unusable("status 404".into())), "Entra key set: status 404"),
        ];
        let policy = Arc::new(Policy::new(Tenancy::Single(id), id, Vec::new()));
        for (cause, words) in cases {
            let cause = Refusal::new(cause, &policy).to_string();
            assert!(cause.contains(words), "{words} in {cause}");
            assert!(!cause.contains(['{', '}', '"']) && !cause.contains("Some("), "{cause}");
        }
    }
}
