//! What an API needs besides validation and exchange, as it is used within: for hosts, and for components built on this
//! crate.

pub use crate::{
    caller::person::{AssertionDigest, Person},
    correlation::{CLIENT_REQUEST_ID, Correlation, REQUEST_ID, TRACEPARENT},
    deadline::{Deadline, Elapsed, race, within},
    exchange::refusal::ExchangeRefusal,
    locked::Locked,
    message::{Body, RequestHead},
    refusal::claims_problem,
    response::{
        bearer_challenge::BearerChallenge,
        problem::OUTAGE_WAIT,
        problem_type::{self, Challenge, PROBLEM_TYPES, ProblemType},
    },
    store::sealed_entry,
    strict_json::Members,
    upstream::{
        back_off,
        call::{self, FaultKind, HEADERS_READ, Reading, Step, UpstreamFault, UpstreamResponse},
        single_flight,
    },
    www_authenticate::claims_challenge,
};
