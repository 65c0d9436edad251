//! Where the client credential comes from, and when it is read again.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    credential::client_credential::ClientCredential,
    deadline::{Deadline, within},
    host::{Host, VariableUnavailable},
    locked::Locked,
    settings::{
        fault::{NO_ANSWER, unreadable},
        source::READ_TIMEOUT,
    },
    upstream::{
        back_off::{Decision, Kept},
        single_flight::{Outcome, SingleFlight},
    },
};

/// The component variable that holds it. Operators know it as `clientsecret`, which `spin.toml` maps to it.
const VARIABLE: &str = "client_secret";

/// How long a value is used before it is read again. Spin asks Key Vault each time and caches nothing. A rotated secret
/// is picked up earlier: as soon as Entra refuses the old one.
const FRESH: Duration = Duration::from_secs(600);

/// How long a credential is used if it cannot be read again. Most likely it is still right, and Entra says so if it is
/// not.
const USABLE: Duration = Duration::from_secs(24 * 3600);

/// After Entra has refused the credential, it is read at most once in this time, so that a wrong secret does not turn
/// each request into a call to Key Vault.
const REREAD_COOLDOWN: Duration = Duration::from_secs(5);

/// Why there is no credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CredentialFault {
    /// The value is wrong: in which way, without the value.
    Wrong(&'static str),
    /// It could not be read: the host's own words.
    Unreadable(String),
    /// The request that needed it ran out of time.
    OutOfTime,
}

/// In words for the log. `clientsecret` is the operator's name for it.
impl fmt::Display for CredentialFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(fault) => write!(formatter, "wrong variables: clientsecret: {fault}"),
            Self::Unreadable(reason) => {
                write!(formatter, "variable clientsecret {}", unreadable("clientsecret", reason))
            }
            Self::OutOfTime => formatter.write_str("the request ran out of time"),
        }
    }
}

type Loaded = Result<Arc<ClientCredential>, CredentialFault>;

impl Outcome for Loaded {
    fn out_of_time() -> Self {
        Err(CredentialFault::OutOfTime)
    }

    fn is_out_of_time(&self) -> bool {
        matches!(self, Err(CredentialFault::OutOfTime))
    }
}

/// The credential, kept for a while in this instance's memory and nowhere else.
#[derive(Debug, Default)]
pub(crate) struct CredentialSource {
    kept: Locked<Kept<Arc<ClientCredential>, CredentialFault>>,
    reread: Locked<Option<Duration>>,
    flights: SingleFlight<(), Loaded>,
}

impl CredentialSource {
    /// The credential.
    ///
    /// # Errors
    /// A [`CredentialFault`].
    pub(crate) async fn current<H: Host>(self: &Arc<Self>, host: &H, deadline: Deadline) -> Loaded {
        let decision = self.kept.lock().decide(host.elapsed());
        match decision {
            Decision::Use(credential) => Ok(credential),
            Decision::UseAndRenew(credential) => {
                self.renew_in_background(host);
                Ok(credential)
            }
            Decision::Refuse(pause) => Err(pause.error),
            Decision::Fetch => self.fetch(host, deadline).await,
        }
    }

    /// Why the last reading failed, if it did. A host that cannot resolve this variable may be unable to resolve those
    /// that its list of allowed hosts is made from, and then makes no call either.
    #[must_use]
    pub(crate) fn outage(&self) -> Option<CredentialFault> {
        self.kept.lock().back_off.failure().cloned()
    }

    /// Another credential than `refused`, which Entra did not accept: it may have been rotated. `None` if there is
    /// none, or if the credential was just read.
    pub(crate) async fn instead_of<H: Host>(
        &self,
        host: &H,
        deadline: Deadline,
        refused: &ClientCredential,
    ) -> Option<Arc<ClientCredential>> {
        let now = host.elapsed();
        let held = self.kept.lock().value(now).cloned();
        if let Some(credential) = held.filter(|credential| !credential.is_same(refused)) {
            return Some(credential);
        }
        if self.reread.lock().is_some_and(|reread| now.saturating_sub(reread) < REREAD_COOLDOWN)
            && !self.flights.is_running(&())
        {
            return None;
        }
        *self.reread.lock() = Some(now);
        let credential = self.fetch(host, deadline).await.ok()?;
        (!credential.is_same(refused)).then_some(credential)
    }

    fn renew_in_background<H: Host>(self: &Arc<Self>, host: &H) {
        if self.flights.is_running(&()) {
            return;
        }
        let (source, own) = (Arc::clone(self), host.clone());
        host.spawn(async move {
            // A failure is remembered, and the current credential is used meanwhile.
            let _ = source.fetch(&own, Deadline::after(own.elapsed(), READ_TIMEOUT)).await;
        });
    }

    async fn fetch<H: Host>(&self, host: &H, deadline: Deadline) -> Loaded {
        let work = async {
            let outcome = load(host, deadline).await;
            let now = host.elapsed();
            let mut kept = self.kept.lock();
            match &outcome {
                Ok(credential) => kept.hold(Arc::clone(credential), now, FRESH, USABLE),
                Err(CredentialFault::OutOfTime) => {}
                Err(fault) => kept.back_off.failed(fault.clone(), now, None),
            }
            outcome
        };
        self.flights.run(host, deadline, (), work).await
    }
}

async fn load<H: Host>(host: &H, deadline: Deadline) -> Loaded {
    let remaining = deadline.remaining(host);
    let read = within(host, READ_TIMEOUT.min(remaining), host.variable(VARIABLE)).await;
    if read.is_err() && remaining < READ_TIMEOUT {
        return Err(CredentialFault::OutOfTime);
    }
    let read = read.unwrap_or_else(|_| Err(VariableUnavailable(NO_ANSWER.to_owned())));
    let text = read.map_err(|VariableUnavailable(reason)| CredentialFault::Unreadable(reason))?;
    ClientCredential::parse(text).map(Arc::new).map_err(CredentialFault::Wrong)
}
