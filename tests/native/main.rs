//! The whole flow natively, against a scripted host: every step's decisions in milliseconds.

mod caller_tokens;
mod scripted_host;

mod browsers;
mod caches;
mod exchanges;
mod flow;
mod graph_answers;
mod keys;
mod properties;
mod refusals;
