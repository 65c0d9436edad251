//! A sign-in in progress.

use crate::{directory::Directory, entra::parameters::Parameters, wire::IncomingRequest};

/// A sign-in on its way.
pub(crate) struct SignIn<'r> {
    pub(crate) directory: &'r Directory,
    pub(crate) incoming: &'r IncomingRequest,
    /// As the path has it.
    pub(crate) tenant: &'r str,
    pub(crate) parameters: &'r Parameters,
}
