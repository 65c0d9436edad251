//! Parts that validation and exchange are made of, for hosts, and for APIs that call a downstream API with the same care:
//! deadlines, calls with a retry, pauses after failures, problem documents, request ids.
//!
//! They change more often than the names at the root of this crate.

pub use crate::{
    caller::person::{AssertionDigest, Person},
    correlation::{CLIENT_REQUEST_ID, Correlation, REQUEST_ID, TRACEPARENT, Trace},
    cors::{Cors, is_preflight},
    deadline::{Deadline, Elapsed, race, within},
    exchange::{
        aadsts::Throttle,
        refusal::{ExchangeRefusal, Meaning},
    },
    locked::Locked,
    message::{Body, RequestHead},
    refusal::claims_problem,
    response::{
        bearer_challenge::BearerChallenge,
        outage::{SendProblems, UpstreamProblems},
        problem::OUTAGE_WAIT,
        problem_type::{self, Challenge, PROBLEM_TYPES, ProblemType},
    },
    store::sealed_entry,
    strict_json::{Member, Members},
    upstream::{
        back_off,
        call::{self, FaultKind, RESPONSE_HEADERS_READ, Reading, Step, UpstreamFault, UpstreamResponse},
        held_back::HeldBack,
        single_flight,
    },
    www_authenticate::claims_challenge,
};
