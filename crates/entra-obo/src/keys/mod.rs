//! The keys that Entra signs tokens with.

pub(crate) mod openid_configuration;

pub(crate) mod signing_keys;

mod known;

mod stored;

mod published;

pub(crate) mod source;
