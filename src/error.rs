//! Everything that can keep a request from its profile.
//!
//! What the caller is told of each stands in `problem`; what the operator is told is [`Error::cause`].

use std::time::Duration;

use uuid::Uuid;

use crate::{
    bearer_token::BearerFault,
    caller::CallerRefusal,
    exchange_refusal::{ExchangeRefusal, Meaning},
    graph::GraphRefusal,
    query::QueryFault,
    settings::{self, SettingsFaults},
    upstream::{Service, UpstreamFault},
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
    /// Whether the time of one request alone was over.
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
            Self::Query(fault) => format!("query: {fault:?}"),
            Self::Bearer(fault) => format!("authorization header: {fault:?}"),
            Self::Caller(refusal) => format!("caller: {refusal:?}"),
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
                format!("{service} {}: {kind:?}", step.name)
            }
            Self::Exchange { refusal, .. } => format!("Entra refused the exchange: {}", refusal.summary),
            Self::Graph { refusal, .. } => format!(
                "Graph refused: status {} {}",
                refusal.status.as_u16(),
                refusal.graph_code.as_deref().unwrap_or("without a code")
            ),
            Self::DeadlinePassed => "the request's time was over".to_owned(),
            Self::Internal(words) => words.clone(),
        }
    }
}
