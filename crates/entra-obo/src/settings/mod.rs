//! Settings from text, checked: a value that cannot mean what its author intended is rejected by name.
//!
//! [`reader`] loads values and collects faults (see [`fault`]). [`address`], `application_id_uri`, [`ids`] and [`scopes`]
//! check one kind of value each, [`policy`] makes a [`crate::Policy`] of them, and [`client_authentication`] a
//! [`crate::ClientAuthentication`]. [`source`] keeps settings and renews them.

pub mod fault;

pub mod reader;

pub mod address;
pub(crate) mod application_id_uri;
pub mod ids;
pub mod scopes;

pub mod client_authentication;
pub mod policy;
pub mod source;
