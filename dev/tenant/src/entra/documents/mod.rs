//! The public documents: provider metadata, signing keys, instance discovery.

pub(crate) mod instance_discovery;
pub(crate) mod key_set;
pub(crate) mod openid_configuration;
