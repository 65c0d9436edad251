//! Settings from text, checked: a value that cannot mean what its author intended is rejected by name.

pub mod fault;

pub mod reader;

pub mod address;
pub mod application_id_uri;
pub mod ids;
pub mod scopes;

pub mod policy;
pub mod source;
