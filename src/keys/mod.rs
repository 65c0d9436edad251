//! The keys that Entra signs tokens with.

pub mod openid_configuration;

pub mod signing_keys;

mod known;

mod stored;

mod published;

pub mod source;
