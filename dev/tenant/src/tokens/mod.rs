//! Tokens for the API, valid or deliberately broken, and tokens for Graph.

pub(crate) mod app_token;
pub(crate) mod azure_cli;
mod forgery;
pub(crate) mod graph_token;
pub(crate) mod plan;
mod service_account_token;
mod signing;

pub use forgery::{Forger, Forgery};
pub use plan::TokenPlan;
pub use service_account_token::{ProjectedToken, ServiceAccountToken};
pub use signing::Signing;
