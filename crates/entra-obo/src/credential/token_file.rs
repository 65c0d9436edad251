//! A file with a federated token, which something else keeps up to date: in Kubernetes a projected service account token.
//!
//! <https://azure.github.io/azure-workload-identity/docs/>

use std::time::Duration;

use crate::{
    credential::{
        fault::CredentialFault,
        federated_token::{FederatedToken, MAX_BYTES, Provider},
    },
    deadline::{Deadline, within},
    host::{FileFault, Host},
};

/// The longest that the file may take to read: it is small and on this machine.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// A file with a federated token. It is read at each exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFile {
    path: String,
}

impl TokenFile {
    /// The file at `path`, as the program sees it.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into() }
    }

    /// Reads the token.
    pub(super) async fn read<H: Host>(&self, host: &H, deadline: Deadline) -> Result<FederatedToken, CredentialFault> {
        let remaining = deadline.remaining(host);
        let limit = MAX_BYTES.saturating_add(1);
        let read = within(host, READ_TIMEOUT.min(remaining), host.read_file(&self.path, limit)).await;
        if read.is_err() && remaining < READ_TIMEOUT {
            return Err(CredentialFault::OutOfTime);
        }
        let read = read.unwrap_or_else(|_| Err(FileFault::Unreadable("it took too long".to_owned())));
        let bytes = read.map_err(CredentialFault::File)?;
        FederatedToken::parse(&bytes, Provider::File).map_err(CredentialFault::NotAToken)
    }
}
