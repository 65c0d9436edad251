//! The keys that Entra signs tokens with.
//!
//! `source` decides where they come from: `known` is what an instance remembers, `stored` the copy in the shared store,
//! `published` what Entra publishes, which `openid_configuration` and `signing_keys` parse.

pub(crate) mod openid_configuration;

pub(crate) mod signing_keys;

mod known;

mod stored;

mod published;

pub(crate) mod source;
