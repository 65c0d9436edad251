#![doc = include_str!("../README.md")]
//!
//! ## Where to find what
//!
//! - [`Policy`] and [`Tenancy`] say who may call, [`Downstream`] what is called for them. [`settings`] reads them from text.
//! - [`ClientAuthentication`] says how the API proves itself to Entra: a secret or certificate, a [`TokenFile`], a
//!   [`ManagedIdentity`].
//! - [`ProtectedApi`] is the API under a policy: [`bearer`](ProtectedApi::bearer), [`validate`](ProtectedApi::validate),
//!   [`token`](ProtectedApi::token), [`application_token`](ProtectedApi::application_token). It holds the caches; make one
//!   and share it.
//! - [`Context`] is one request: its host, ids, time of arrival and deadline.
//! - [`BearerToken`], [`VerifiedCaller`] and [`DownstreamToken`] are the levels of trust, each made from the one before.
//!   An [`ApplicationToken`] is made from none of them, and is no [`DownstreamToken`].
//! - [`Refusal`] and its [`Problem`] say why there is no token, [`ClaimsChallenge`] which token is needed instead.
//! - [`host`] is the machine, [`event_log`] the operator's log, [`toolkit`] further parts for APIs.

#![warn(unnameable_types)]

mod message;

pub mod host;

mod locked;

mod deadline;

mod correlation;
mod guid;
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

mod protected_resource;
mod response;

mod refusal;

mod cors;
mod protected_api;

pub mod toolkit;

#[cfg(feature = "fuzzing")]
pub mod fuzzing;

pub use crate::{
    caller::{bearer_token::BearerToken, verified_caller::VerifiedCaller},
    claims_challenge::ClaimsChallenge,
    context::Context,
    credential::{
        client_authentication::ClientAuthentication, managed_identity::ManagedIdentity, token_file::TokenFile,
    },
    exchange::{
        downstream::Downstream,
        source::Origin,
        tokens::{ApplicationToken, DownstreamToken, Need},
    },
    policy::{GLOBAL_AUTHORITY, Policy, Tenancy},
    protected_api::ProtectedApi,
    protected_resource::ProtectedResource,
    refusal::Refusal,
    response::problem::Problem,
};
