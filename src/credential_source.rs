//! Where the client credential comes from, and when it is read again.

use std::{cell::RefCell, rc::Rc, time::Duration};

use crate::{
    client_credential::ClientCredential,
    error::Error,
    host::{Host, UnixTime, VariableUnavailable},
    single_flight::SingleFlight,
    upstream::{Deadline, within},
};

/// The component variable that holds it. Operators know it as `clientsecret`, which `spin.toml` maps to it.
const VARIABLE: &str = "client_secret";

/// How long a value is used before it is read again. Spin asks Key Vault anew at each read and keeps nothing, and a
/// rotated secret is picked up earlier than this: as soon as Entra refuses the old one.
const LIFETIME_SECONDS: u64 = 600;

/// The longest wait for it. Spin's own retries would go on for a minute.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(8);

/// At most one reading in this time because Entra refused the credential, so that a wrong secret does not turn each
/// request into a call to Key Vault.
const REREAD_COOLDOWN_SECONDS: u64 = 30;

/// The credential, kept for a while in this instance's memory and nowhere else.
#[derive(Debug, Default)]
pub struct CredentialSource {
    current: RefCell<Option<(Rc<ClientCredential>, UnixTime)>>,
    reread: RefCell<Option<UnixTime>>,
    flights: SingleFlight<(), Result<Rc<ClientCredential>, Error>>,
}

impl CredentialSource {
    /// The credential.
    ///
    /// # Errors
    /// [`Error::Credential`] if it is not usable, [`Error::VariableUnavailable`] if it could not be read in time.
    pub async fn current<H: Host>(&self, host: &H, deadline: Deadline) -> Result<Rc<ClientCredential>, Error> {
        if let Some((credential, read)) = &*self.current.borrow()
            && host.now().since(*read) < LIFETIME_SECONDS
        {
            return Ok(Rc::clone(credential));
        }
        self.read(host, deadline).await
    }

    /// Another credential than `refused`, which Entra did not accept: it may have been rotated. `None` if there is none,
    /// or if it was looked for a moment ago.
    pub async fn instead_of<H: Host>(
        &self,
        host: &H,
        deadline: Deadline,
        refused: &ClientCredential,
    ) -> Option<Rc<ClientCredential>> {
        if let Some((credential, _)) = &*self.current.borrow()
            && !credential.is_same(refused)
        {
            return Some(Rc::clone(credential));
        }
        let now = host.now();
        if self.reread.borrow().is_some_and(|reread| now.since(reread) < REREAD_COOLDOWN_SECONDS)
            && !self.flights.is_running(&())
        {
            return None;
        }
        self.reread.replace(Some(now));
        let credential = self.read(host, deadline).await.ok()?;
        (!credential.is_same(refused)).then_some(credential)
    }

    async fn read<H: Host>(&self, host: &H, deadline: Deadline) -> Result<Rc<ClientCredential>, Error> {
        self.flights
            .run(host, deadline, (), async || {
                let limit = READ_TIMEOUT.min(deadline.remaining(host));
                let text = within(host, limit, host.variable(VARIABLE))
                    .await
                    .unwrap_or_else(|_| Err(VariableUnavailable("no answer in time".to_owned())))
                    .map_err(|VariableUnavailable(reason)| Error::VariableUnavailable {
                        name: "clientsecret",
                        reason,
                    })?;
                let credential = Rc::new(ClientCredential::parse(text).map_err(Error::Credential)?);
                self.current.replace(Some((Rc::clone(&credential), host.now())));
                Ok(credential)
            })
            .await
            .unwrap_or(Err(Error::DeadlinePassed))
    }
}
