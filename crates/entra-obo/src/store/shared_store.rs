//! The store that all instances share, as this API uses it: never in the way of a request.

use std::time::Duration;

use crate::{
    deadline::{Deadline, race},
    event_log,
    host::{Host, StoreFault},
    locked::Locked,
};

/// The longest wait for one response of the store, which exists to save time.
const TIMEOUT: Duration = Duration::from_millis(250);

/// How long a store that failed is not used, so that a slow one does not cost each request the timeout.
const REST: Duration = Duration::from_secs(5);

/// Access to the store.
#[derive(Debug)]
pub(crate) struct SharedStore {
    slots: u32,
    /// When it is used again, while it is not.
    rests_until: Locked<Option<Duration>>,
}

impl SharedStore {
    /// The store with this many slots for tokens; with none it is not used.
    #[must_use]
    pub(crate) fn new(slots: u32) -> Self {
        Self { slots, rests_until: Locked::default() }
    }

    /// How many slots there are for tokens.
    #[must_use]
    pub(crate) const fn slots(&self) -> u32 {
        self.slots
    }

    /// Whether anything is stored.
    #[must_use]
    pub(crate) const fn is_used(&self) -> bool {
        self.slots > 0
    }

    /// The entry under `key`. Any fault is a miss and a line in the log.
    pub(crate) async fn read<H: Host>(&self, host: &H, deadline: Deadline, key: &str) -> Option<Vec<u8>> {
        self.ask(host, || TIMEOUT.min(deadline.remaining(host)), "read", host.read_store(key)).await?
    }

    /// Keeps `entry` under `key`, in place of what is there.
    pub(crate) async fn write<H: Host>(&self, host: &H, key: &str, entry: &[u8]) {
        self.ask(host, || TIMEOUT, "write", host.write_store(key, entry)).await;
    }

    /// The clock is read only if the store rests or does not answer at once, because reading it takes time too.
    async fn ask<H: Host, T>(
        &self,
        host: &H,
        limit: impl FnOnce() -> Duration,
        what: &str,
        answer: impl Future<Output = Result<T, StoreFault>>,
    ) -> Option<T> {
        if !self.is_used() || self.rests(host) {
            return None;
        }
        let timer = async { host.sleep(limit()).await };
        let outcome = race(timer, answer).await.unwrap_or_else(|_| Err(StoreFault("no answer in time".into())));
        outcome
            .map_err(|StoreFault(reason)| {
                let until = host.elapsed().saturating_add(REST);
                // Of requests that wait for it at the same time, one reports the failure.
                if self.rests_until.lock().replace(until).is_none() {
                    event_log::warn(host, "store", format!("{what} failed: {reason}; continuing without it"));
                }
            })
            .ok()
    }

    fn rests<H: Host>(&self, host: &H) -> bool {
        let mut rests_until = self.rests_until.lock();
        rests_until.take_if(|until| *until <= host.elapsed());
        rests_until.is_some()
    }
}
