//! The client credential: when it is read, and when it is read again.

use std::{sync::Arc, time::Duration};

use crate::{
    credential::{
        client_authentication::{ClientAuthentication, Loaded},
        client_credential::ClientCredential,
        fault::CredentialFault,
    },
    deadline::Deadline,
    event_log,
    host::Host,
    locked::Locked,
    settings::source::READ_TIMEOUT,
    upstream::{
        back_off::{Decision, Kept},
        single_flight::{Outcome, SingleFlight},
    },
};

/// A credential that Entra has refused, and that was read again and is the same, is not read again for this long, so that
/// a wrong secret does not turn each request into a call to Key Vault.
const REREAD_COOLDOWN: Duration = Duration::from_secs(5);

/// A federated token in a file that has less than this left was not replaced in time: clusters replace it when a fifth of
/// its life is left, and it lives for an hour at least.
const NOT_REPLACED_SECONDS: u64 = 300;

type Current = Result<Arc<ClientCredential>, CredentialFault>;

impl Outcome for Current {
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
    authentication: ClientAuthentication,
    kept: Locked<Kept<Arc<ClientCredential>, CredentialFault>>,
    /// When a refused credential was read again, and was the same.
    found_same: Locked<Option<Duration>>,
    warned: Locked<Option<Arc<ClientCredential>>>,
    flights: SingleFlight<(), Current>,
}

impl CredentialSource {
    pub(crate) fn new(authentication: ClientAuthentication) -> Self {
        Self { authentication, ..Self::default() }
    }

    pub(crate) const fn authentication(&self) -> &ClientAuthentication {
        &self.authentication
    }

    /// The credential.
    ///
    /// # Errors
    /// A [`CredentialFault`].
    pub(crate) async fn current<H: Host>(self: &Arc<Self>, host: &H, deadline: Deadline) -> Current {
        let decision = self.kept.lock().decide(host.elapsed());
        match decision {
            Decision::Use(credential) => Ok(credential),
            Decision::UseAndRenew(credential) if self.authentication.is_read_each_time() => {
                Ok(self.fetch(host, deadline).await.unwrap_or(credential))
            }
            Decision::UseAndRenew(credential) => {
                self.renew_in_background(host);
                Ok(credential)
            }
            Decision::Refuse(pause) => Err(pause.error),
            Decision::Fetch => self.fetch(host, deadline).await,
        }
    }

    /// Why the variable could not be read the last time, if so. A host that cannot resolve this variable may be unable to
    /// resolve those that its list of allowed hosts is made from, and then makes no call either.
    #[must_use]
    pub(crate) fn outage(&self) -> Option<CredentialFault> {
        self.kept.lock().back_off.failure().filter(|fault| fault.is_of_variable()).cloned()
    }

    /// Why there is no credential, if it was known a moment ago. Makes no call.
    pub(crate) fn lack(&self, elapsed: Duration) -> Option<CredentialFault> {
        self.kept.lock().lack(elapsed)
    }

    /// Another credential than `refused`, which Entra did not accept: it may have been rotated. `None` if there is
    /// none, if a moment ago there was none, or if it is too early to read it again after a failure.
    pub(crate) async fn instead_of<H: Host>(
        &self,
        host: &H,
        deadline: Deadline,
        refused: &ClientCredential,
    ) -> Option<Arc<ClientCredential>> {
        let now = host.elapsed();
        let (held, pause) = {
            let kept = self.kept.lock();
            (kept.value(now).cloned(), kept.back_off.pausing(now, Duration::ZERO))
        };
        if let Some(credential) = held.filter(|credential| !credential.is_same(refused)) {
            return Some(credential);
        }
        let is_known = self.found_same.lock().is_some_and(|found| now.saturating_sub(found) < REREAD_COOLDOWN);
        if (is_known || pause.is_some()) && !self.flights.is_running(&()) {
            return None;
        }
        let credential = self.fetch(host, deadline).await.ok()?;
        if credential.is_same(refused) {
            *self.found_same.lock() = Some(host.elapsed());
            return None;
        }
        Some(credential)
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

    async fn fetch<H: Host>(&self, host: &H, deadline: Deadline) -> Current {
        let work = async {
            let loaded = self.authentication.load(host, deadline).await;
            let now = host.elapsed();
            match loaded {
                Ok(Loaded { credential, fresh, usable }) => {
                    let credential = Arc::new(credential);
                    self.kept.lock().hold(Arc::clone(&credential), now, fresh, usable);
                    self.warn_if_not_replaced(host, &credential);
                    Ok(credential)
                }
                Err(fault) => {
                    if fault != CredentialFault::OutOfTime {
                        self.note_failure(host, &fault, now);
                    }
                    Err(fault)
                }
            }
        };
        self.flights.run(host, deadline, (), work).await
    }

    /// Notes that it could not be read, and writes one line if the former one hides that from callers.
    fn note_failure<H: Host>(&self, host: &H, fault: &CredentialFault, now: Duration) {
        let mut kept = self.kept.lock();
        let is_hidden = kept.back_off.failure().is_none() && kept.value(now).is_some();
        kept.back_off.failed(fault.clone(), now, fault.retry_after());
        drop(kept);
        if is_hidden {
            event_log::warn(host, "credential", format!("{fault}; the former one is used until it can be read"));
        }
    }

    /// Writes one line about each token whose file should have been replaced by now.
    fn warn_if_not_replaced<H: Host>(&self, host: &H, credential: &Arc<ClientCredential>) {
        let ClientCredential::Federated(token) = &**credential else { return };
        let now = host.now();
        let is_due = token.expires().is_some_and(|end| end < now.plus(NOT_REPLACED_SECONDS));
        if !self.authentication.is_read_each_time() || !is_due {
            return;
        }
        let former = self.warned.lock().replace(Arc::clone(credential));
        if former.is_some_and(|former| former.is_same(credential)) {
            return;
        }
        let state = if token.expires() <= Some(now) { "has expired" } else { "expires within minutes" };
        let cause = format!(
            "the token in federated_token_file {state}, and nothing has replaced it: see that the cluster does, and start Spin \
             with --direct-mounts, without which it keeps the files that it found at start"
        );
        event_log::warn(host, "credential", cause);
    }
}
