//! Settings that are read again from time to time, since the operator may change them while the program runs.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    deadline::Deadline,
    event_log,
    host::{Host, MaybeSend, MaybeSync},
    locked::Locked,
    settings::fault::SettingsFaults,
    upstream::{
        back_off::{Decision, Kept},
        single_flight::{Outcome, SingleFlight},
    },
};

/// The longest wait for the variables, which are read at the same time. Any of them may be in Key Vault, which Spin
/// asks each time, and Spin itself would retry for a minute.
pub const READ_TIMEOUT: Duration = Duration::from_secs(8);

/// How long settings are used before the variables are read again. Reading them costs a call to the host for each.
const FRESH: Duration = Duration::from_secs(300);

/// The longest that settings are used after they were read: most outages of a variable provider are shorter, and a
/// permission that the operator has withdrawn lasts no longer.
const USABLE: Duration = Duration::from_secs(3600);

/// Settings that a host's variables hold.
pub trait Settings: Sized + MaybeSend + MaybeSync + 'static {
    /// Reads and checks them, for a request that began at `begun`, a moment of [`Host::elapsed`]. No wait exceeds `limit`.
    fn load<H: Host>(
        host: &H,
        begun: Duration,
        limit: Duration,
    ) -> impl Future<Output = Result<Self, SettingsFaults>> + MaybeSend;
}

/// Why there are no settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsettled {
    /// Every faulty setting.
    Faults(SettingsFaults),
    /// The request ran out of time while it waited for another that reads them.
    OutOfTime,
}

/// In words for the log.
impl fmt::Display for Unsettled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faults(faults) => write!(formatter, "wrong variables: {faults}"),
            Self::OutOfTime => formatter.write_str("the request ran out of time"),
        }
    }
}

impl<S> Outcome for Result<Arc<S>, Unsettled> {
    fn out_of_time() -> Self {
        Err(Unsettled::OutOfTime)
    }

    fn is_out_of_time(&self) -> bool {
        matches!(self, Err(Unsettled::OutOfTime))
    }
}

/// The settings last read.
#[derive(Debug)]
pub struct SettingsSource<S> {
    kept: Locked<Kept<Arc<S>, SettingsFaults>>,
    flights: SingleFlight<(), Result<Arc<S>, Unsettled>>,
}

impl<S> Default for SettingsSource<S> {
    fn default() -> Self {
        Self { kept: Locked::default(), flights: SingleFlight::default() }
    }
}

impl<S: Settings> SettingsSource<S> {
    /// The settings, for a request that began at this moment of [`Host::elapsed`]. Those that were read before are renewed
    /// in the background.
    ///
    /// # Errors
    /// See [`Unsettled`].
    pub async fn current<H: Host>(self: &Arc<Self>, host: &H, begun: Duration) -> Result<Arc<S>, Unsettled> {
        let decision = self.kept.lock().decide(begun);
        match decision {
            Decision::Use(settings) => Ok(settings),
            Decision::UseAndRenew(settings) => {
                self.renew_in_background(host);
                Ok(settings)
            }
            Decision::Refuse(pause) => Err(Unsettled::Faults(pause.error)),
            Decision::Fetch => self.fetch(host, begun).await,
        }
    }

    /// Forgets the settings: something shows that the operator has changed them.
    pub fn forget(&self) {
        self.kept.lock().forget();
    }

    async fn fetch<H: Host>(&self, host: &H, begun: Duration) -> Result<Arc<S>, Unsettled> {
        let deadline = Deadline::after(begun, READ_TIMEOUT);
        let work = async {
            let outcome = S::load(host, begun, READ_TIMEOUT).await.map(Arc::new);
            let now = host.elapsed();
            let mut kept = self.kept.lock();
            match &outcome {
                Ok(settings) => kept.hold(Arc::clone(settings), now, FRESH, USABLE),
                Err(faults) => {
                    // If the operator has made the settings invalid, the former ones are no longer used.
                    if !faults.may_pass() {
                        kept.forget();
                    }
                    kept.back_off.failed(faults.clone(), now, None);
                }
            }
            outcome.map_err(Unsettled::Faults)
        };
        self.flights.run(host, deadline, (), work).await
    }

    fn renew_in_background<H: Host>(self: &Arc<Self>, host: &H) {
        if self.flights.is_running(&()) {
            return;
        }
        let (source, own) = (Arc::clone(self), host.clone());
        host.spawn(async move {
            if let Err(Unsettled::Faults(faults)) = source.fetch(&own, own.elapsed()).await {
                let cause = format!("the variables were read again: {faults}");
                if faults.may_pass() {
                    event_log::warn(&own, "settings", cause);
                } else {
                    event_log::error(&own, "settings", cause);
                }
            }
        });
    }
}
