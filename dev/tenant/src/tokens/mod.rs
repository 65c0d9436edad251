//! Tokens: those for the API, valid or broken as a test wants them, and those for Graph.

mod forgery;
pub(crate) mod graph_token;
pub(crate) mod plan;
mod signing;

pub use forgery::{Forger, Forgery};
pub use plan::TokenPlan;
pub use signing::Signing;
