//! Everything that can keep a request from its profile.
//!
//! What the caller learns of each is in `problem`; what the operator learns is [`Error::cause`].

use std::time::Duration;

use uuid::Uuid;

use crate::{
    caller::bearer_token::BearerFault,
    caller::verified_caller::{CallerRefusal, TokenFault},
    exchange::refusal::{ExchangeRefusal, Meaning},
    graph::request::GraphRefusal,
    graph::select::QueryFault,
    graph::streams::TooManyStreams,
    refusal::problem::{bearer_words, caller_words, query_words},
    settings::{self, SettingsFaults},
    upstream::call::{Service, UpstreamFault},
};

/// Why there is no profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// No such path.
    NotFound,
    /// The path is there, the method is not.
    MethodNotAllowed,
    /// A browser asks for an origin that is not on the list.
    OriginNotAllowed,
    /// The query holds something that is not passed through.
    Query(QueryFault),
    /// There is no usable bearer token.
    Bearer(BearerFault),
    /// There is one, and its bearer may not call.
    Caller(CallerRefusal),
    /// The variables are wrong.
    Settings(SettingsFaults),
    /// The value of `clientsecret` is wrong.
    Credential(&'static str),
    /// A variable could not be read.
    VariableUnavailable {
        /// Which.
        name: &'static str,
        /// The host's own words.
        reason: String,
    },
    /// Entra or Graph gave no usable answer.
    Upstream(UpstreamFault),
    /// Entra refused the exchange.
    Exchange {
        /// The directory at which it was tried.
        tenant_id: Uuid,
        /// Its refusal.
        refusal: ExchangeRefusal,
    },
    /// Graph refused the request.
    Graph {
        /// The directory of the caller.
        tenant_id: Uuid,
        /// Its refusal.
        refusal: GraphRefusal,
    },
    /// The answer would have to be streamed beside too many others.
    TooManyStreams(TooManyStreams),
    /// The request has no time left.
    DeadlinePassed,
    /// Something that cannot be, and yet must not be a panic.
    Internal(String),
}

impl From<UpstreamFault> for Error {
    fn from(fault: UpstreamFault) -> Self {
        Self::Upstream(fault)
    }
}

impl Error {
    /// Whether one request alone ran out of time.
    #[must_use]
    pub fn is_deadline(&self) -> bool {
        match self {
            Self::DeadlinePassed => true,
            Self::Upstream(fault) => fault.is_deadline(),
            _ => false,
        }
    }

    /// When Entra wants to be asked again, if it says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Upstream(fault) => fault.retry_after(),
            Self::Exchange { refusal, .. } => match refusal.meaning {
                Meaning::Throttled { retry_after, .. } => Some(retry_after),
                Meaning::Unavailable(wait) => wait,
                _ => None,
            },
            _ => None,
        }
    }

    /// The same with what is left of the time after which Entra wants to be asked again.
    #[must_use]
    pub fn with_retry_after(mut self, left: Option<Duration>) -> Self {
        match &mut self {
            Self::Upstream(fault) => *fault = fault.clone().with_retry_after(left),
            Self::Exchange { refusal, .. } => match &mut refusal.meaning {
                Meaning::Throttled { retry_after, .. } => *retry_after = left.unwrap_or(*retry_after),
                Meaning::Unavailable(wait) => *wait = left,
                _ => {}
            },
            _ => {}
        }
        self
    }

    /// What happened, for the operator's log. Holds no token, secret or claim.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::NotFound | Self::MethodNotAllowed | Self::OriginNotAllowed => String::new(),
            Self::Query(fault) => query_words(*fault).to_owned(),
            Self::Bearer(fault) => bearer_words(*fault).to_owned(),
            Self::Caller(refusal) => caller_cause(*refusal),
            Self::Settings(faults) => format!("wrong variables: {faults}"),
            Self::Credential(fault) => format!("wrong variables: clientsecret: {fault}"),
            Self::VariableUnavailable { name, reason } => {
                format!("variable {name} {}", settings::unreadable(name, reason))
            }
            Self::Upstream(UpstreamFault { step, kind }) => {
                let service = match step.service {
                    Service::Entra => "Entra",
                    Service::Graph => "Graph",
                };
                format!("{service} {}: {kind}", step.name)
            }
            Self::Exchange { refusal, .. } => format!("Entra refused the exchange: {}", refusal.summary),
            Self::Graph { refusal, .. } => format!(
                "Graph refused: status {} {}",
                refusal.status.as_u16(),
                refusal.graph_code.as_deref().unwrap_or("without a code")
            ),
            Self::TooManyStreams(TooManyStreams::OfPerson) => {
                "this person has not read the answers that are being streamed to them".to_owned()
            }
            Self::TooManyStreams(TooManyStreams::OfInstance) => {
                "the instance streams as many answers as it can".to_owned()
            }
            Self::DeadlinePassed => "the request ran out of time".to_owned(),
            Self::Internal(words) => words.clone(),
        }
    }
}

/// What the caller is told, and more where an id or a claim's name tells the operator what to compare.
fn caller_cause(refusal: CallerRefusal) -> String {
    let words = caller_words(refusal);
    match refusal {
        CallerRefusal::Token(TokenFault::Claim(name)) => format!("{words} (claim {name})"),
        CallerRefusal::Token(TokenFault::Audience(Some(id))) => format!("{words} (aud {id})"),
        CallerRefusal::Token(TokenFault::Tenant(id)) => {
            format!("{words} (tid {id}; see tenant_id and allowed_tenants)")
        }
        CallerRefusal::ScopeMissing => format!("{words} (see required_scope)"),
        CallerRefusal::ClientNotAllowed(Some(id)) => format!("{words} (client {id}; see allowed_clients)"),
        CallerRefusal::ClientNotAllowed(None) => format!("{words} (it has no id; see allowed_clients)"),
        _ => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::Error;
    use crate::{
        caller::bearer_token::BearerFault,
        caller::verified_caller::{CallerRefusal, TokenFault},
        graph::select::QueryFault,
        host::SendFault,
        upstream::call::{FaultKind, Service, Step},
    };

    #[test]
    fn the_operator_reads_words() {
        let id = Uuid::from_u128(7);
        let step = Step { service: Service::Entra, name: "key set", timeout: std::time::Duration::ZERO, max_body: 0 };
        let cases = [
            (Error::Query(QueryFault::Repeated), "twice"),
            (Error::Bearer(BearerFault::TooLong), "too long"),
            (Error::Caller(CallerRefusal::Token(TokenFault::Claim("tid"))), "claim tid"),
            (
                Error::Caller(CallerRefusal::Token(TokenFault::Audience(Some(id)))),
                "aud 00000000-0000-0000-0000-000000000007",
            ),
            (Error::Caller(CallerRefusal::Token(TokenFault::Audience(None))), "its aud is not this API"),
            (Error::Caller(CallerRefusal::Token(TokenFault::Tenant(id))), "allowed_tenants"),
            (Error::Caller(CallerRefusal::Token(TokenFault::Expired)), "has expired"),
            (Error::Caller(CallerRefusal::ClientNotAllowed(Some(id))), "allowed_clients"),
            (Error::Caller(CallerRefusal::ScopeMissing), "required_scope"),
            (Error::Upstream(step.fault(FaultKind::Send(SendFault::TimedOut))), "Entra key set: no answer in time"),
            (Error::Upstream(step.fault(FaultKind::Send(SendFault::Denied))), "denied"),
            (Error::Upstream(step.fault(FaultKind::Send(SendFault::Broken("reset".into())))), "(reset)"),
            (Error::Upstream(step.unusable("status 404")), "Entra key set: status 404"),
        ];
        for (error, words) in cases {
            let cause = error.cause();
            assert!(cause.contains(words), "{words} in {cause}");
            assert!(!cause.contains(['{', '}', '"']) && !cause.contains("Some("), "{cause}");
        }
    }
}
