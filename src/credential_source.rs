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
const READ_TIMEOUT: Duration = Duration::from_secs(8);

/// How long a credential serves when it cannot be read again. It is most likely still right, and Entra says if it is not.
const MAX_AGE_SECONDS: u64 = 24 * 3600;

/// How long a failed reading tells of a variable provider that is out of order; a credential at hand is not read again
/// meanwhile.
const OUTAGE_SECONDS: u64 = 30;

/// At most one reading in this time because Entra refused the credential, so that a wrong secret does not turn each
/// request into a call to Key Vault.
const REREAD_COOLDOWN_SECONDS: u64 = 30;

/// The credential, kept for a while in this instance's memory and nowhere else.
#[derive(Debug)]
pub struct CredentialSource {
    current: RefCell<Option<(Rc<ClientCredential>, UnixTime)>>,
    reread: RefCell<Option<UnixTime>>,
    failed: RefCell<Option<(Error, UnixTime)>>,
    flights: SingleFlight<(), Result<Rc<ClientCredential>, Error>>,
}

impl Default for CredentialSource {
    fn default() -> Self {
        Self {
            current: RefCell::default(),
            reread: RefCell::default(),
            failed: RefCell::default(),
            // Who came later has more time than the one whose time was over.
            flights: SingleFlight::sharing(|outcome| !matches!(outcome, Err(error) if error.is_deadline())),
        }
    }
}

impl CredentialSource {
    /// The credential.
    ///
    /// # Errors
    /// [`Error::Credential`] if it is not usable, [`Error::VariableUnavailable`] if it could not be read in time.
    pub async fn current<H: Host>(&self, host: &H, deadline: Deadline) -> Result<Rc<ClientCredential>, Error> {
        let now = host.now();
        let held = self.current.borrow().clone().filter(|(_, read)| now.since(*read) < MAX_AGE_SECONDS);
        if let Some((credential, read)) = &held
            && (now.since(*read) < LIFETIME_SECONDS || self.outage(now).is_some())
        {
            return Ok(Rc::clone(credential));
        }
        match (self.read(host, deadline).await, held) {
            (Err(Error::VariableUnavailable { .. }), Some((credential, _))) => Ok(credential),
            (outcome, _) => outcome,
        }
    }

    /// Why the credential could not be read a moment ago. A host that cannot resolve this variable may be unable to
    /// resolve those that its list of allowed hosts is made from, and then makes no call either.
    #[must_use]
    pub fn outage(&self, now: UnixTime) -> Option<Error> {
        let failed = self.failed.borrow();
        failed.as_ref().filter(|(_, when)| now.since(*when) < OUTAGE_SECONDS).map(|(error, _)| error.clone())
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
                let remaining = deadline.remaining(host);
                let read = within(host, READ_TIMEOUT.min(remaining), host.variable(VARIABLE)).await;
                if read.is_err() && remaining < READ_TIMEOUT {
                    return Err(Error::DeadlinePassed);
                }
                let read = read.unwrap_or_else(|_| Err(VariableUnavailable("no answer in time".to_owned())));
                let text = read.map_err(|VariableUnavailable(reason)| {
                    let error = Error::VariableUnavailable { name: "clientsecret", reason };
                    self.failed.replace(Some((error.clone(), host.now())));
                    error
                })?;
                self.failed.replace(None);
                let credential = Rc::new(ClientCredential::parse(text).map_err(Error::Credential)?);
                self.current.replace(Some((Rc::clone(&credential), host.now())));
                Ok(credential)
            })
            .await
            .unwrap_or(Err(Error::DeadlinePassed))
    }
}
