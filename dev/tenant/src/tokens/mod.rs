//! Tokens for the API, valid or deliberately broken, and tokens for Graph.

mod forgery;
pub(crate) mod graph_token;
pub(crate) mod plan;
mod signing;

pub use forgery::{Forger, Forgery};
pub use plan::TokenPlan;
pub use signing::Signing;
