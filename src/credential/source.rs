//! Where the client credential comes from, and when it is read again.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use crate::{
    credential::client_credential::ClientCredential,
    host::{Host, VariableUnavailable},
    refusal::error::Error,
    settings::NO_ANSWER,
    upstream::back_off::{Decision, Kept},
    upstream::call::{Deadline, within},
    upstream::single_flight::SingleFlight,
};

/// The component variable that holds it. Operators know it as `clientsecret`, which `spin.toml` maps to it.
const VARIABLE: &str = "client_secret";

/// The longest wait for it. Spin's own retries would go on for a minute.
const READ_TIMEOUT: Duration = Duration::from_secs(8);

/// How long a value is used before it is read again. Spin asks Key Vault anew at each reading and keeps nothing, and a
/// rotated secret is picked up earlier than this: as soon as Entra refuses the old one.
const FRESH: Duration = Duration::from_secs(600);

/// How long a credential is used when it cannot be read again. It is most likely still right, and Entra says if it is not.
const USABLE: Duration = Duration::from_secs(24 * 3600);

/// At most one reading in this time because Entra refused the credential, so that a wrong secret does not turn each
/// request into a call to Key Vault.
const REREAD_COOLDOWN: Duration = Duration::from_secs(5);

/// The credential, kept for a while in this instance's memory and nowhere else.
#[derive(Debug)]
pub struct CredentialSource {
    kept: RefCell<Kept<Rc<ClientCredential>, Error>>,
    reread: Cell<Option<Duration>>,
    flights: SingleFlight<(), Result<Rc<ClientCredential>, Error>>,
}

impl Default for CredentialSource {
    fn default() -> Self {
        // A request that came later has more time than the one whose time has run out.
        let is_shared = |outcome: &Result<_, Error>| !matches!(outcome, Err(error) if error.is_deadline());
        Self { kept: RefCell::default(), reread: Cell::default(), flights: SingleFlight::sharing(is_shared) }
    }
}

impl CredentialSource {
    /// The credential.
    ///
    /// # Errors
    /// [`Error::Credential`] if it is not usable, [`Error::VariableUnavailable`] if it could not be read in time.
    pub async fn current<H: Host>(
        self: &Rc<Self>,
        host: &H,
        deadline: Deadline,
    ) -> Result<Rc<ClientCredential>, Error> {
        let decision = self.kept.borrow().decide(host.elapsed());
        match decision {
            Decision::Use(credential) => Ok(credential),
            Decision::UseAndRenew(credential) => {
                self.renew_in_background(host);
                Ok(credential)
            }
            Decision::Refuse(pause) => Err(pause.error),
            Decision::Fetch => self.read(host, deadline).await,
        }
    }

    /// Why the last reading failed, if it did. A host that cannot resolve this variable may be unable to resolve those
    /// that its list of allowed hosts is made from, and then makes no call either.
    #[must_use]
    pub fn outage(&self) -> Option<Error> {
        self.kept.borrow().back_off.failure().cloned()
    }

    /// Another credential than `refused`, which Entra did not accept: it may have been rotated. `None` if there is none,
    /// or if it was read a moment ago.
    pub async fn instead_of<H: Host>(
        &self,
        host: &H,
        deadline: Deadline,
        refused: &ClientCredential,
    ) -> Option<Rc<ClientCredential>> {
        let now = host.elapsed();
        let held = self.kept.borrow().value(now).cloned();
        if let Some(credential) = held.filter(|credential| !credential.is_same(refused)) {
            return Some(credential);
        }
        if self.reread.get().is_some_and(|reread| now.saturating_sub(reread) < REREAD_COOLDOWN)
            && !self.flights.is_running(&())
        {
            return None;
        }
        self.reread.set(Some(now));
        let credential = self.read(host, deadline).await.ok()?;
        (!credential.is_same(refused)).then_some(credential)
    }

    fn renew_in_background<H: Host>(self: &Rc<Self>, host: &H) {
        if self.flights.is_running(&()) {
            return;
        }
        let (source, own) = (Rc::clone(self), host.clone());
        host.spawn(async move {
            // A failure is remembered, and the credential at hand is used meanwhile.
            let _ = source.read(&own, Deadline::after(own.elapsed(), READ_TIMEOUT)).await;
        });
    }

    async fn read<H: Host>(&self, host: &H, deadline: Deadline) -> Result<Rc<ClientCredential>, Error> {
        let work = async || {
            let outcome = read_variable(host, deadline).await;
            let now = host.elapsed();
            let mut kept = self.kept.borrow_mut();
            match &outcome {
                Ok(credential) => kept.hold(Rc::clone(credential), now, FRESH, USABLE),
                Err(error) if error.is_deadline() => {}
                Err(error) => kept.back_off.failed(error.clone(), now, None),
            }
            outcome
        };
        self.flights.run(host, deadline, (), work).await.unwrap_or(Err(Error::DeadlinePassed))
    }
}

async fn read_variable<H: Host>(host: &H, deadline: Deadline) -> Result<Rc<ClientCredential>, Error> {
    let remaining = deadline.remaining(host);
    let read = within(host, READ_TIMEOUT.min(remaining), host.variable(VARIABLE)).await;
    if read.is_err() && remaining < READ_TIMEOUT {
        return Err(Error::DeadlinePassed);
    }
    let read = read.unwrap_or_else(|_| Err(VariableUnavailable(NO_ANSWER.to_owned())));
    let text =
        read.map_err(|VariableUnavailable(reason)| Error::VariableUnavailable { name: "clientsecret", reason })?;
    ClientCredential::parse(text).map(Rc::new).map_err(Error::Credential)
}
