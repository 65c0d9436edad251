//! Validates Microsoft Entra ID access tokens and exchanges them by the OAuth 2.0 On-Behalf-Of flow, on any host.

pub mod host;

mod locked;
mod message;

mod deadline;

mod correlation;
mod policy;
mod strict_json;

mod claims_challenge;

mod www_authenticate;

mod context;
pub mod event_log;

mod upstream;

mod store;

mod credential;
pub mod settings;

mod caller;
mod keys;

mod exchange;

mod response;

mod refusal;

mod protected_api;

pub mod toolkit;

#[cfg(feature = "fuzzing")]
pub mod fuzzing;

pub use crate::{
    caller::{bearer_token::BearerToken, verified_caller::VerifiedCaller},
    claims_challenge::ClaimsChallenge,
    context::Context,
    exchange::{
        downstream::Downstream,
        downstream_token::DownstreamToken,
        source::{Need, Origin},
    },
    policy::{GLOBAL_AUTHORITY, Policy, Tenancy},
    protected_api::ProtectedApi,
    refusal::Refusal,
    response::problem::Problem,
};
