//! One upstream call for all the requests of an instance that need the same thing at the same time.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{deadline::Deadline, host::Host, locked::Locked};

/// How often those who wait check, at first and at the longest. Each request is a task of its own to the host; waking
/// one from another costs more than it gains (`docs/design.md`, "Why poll for single flight?").
const FIRST_CHECK: Duration = Duration::from_millis(1);
const LAST_CHECK: Duration = Duration::from_millis(16);

/// An outcome that says whether it is only about the time of the request that did the work.
pub trait Outcome: Clone {
    /// The outcome of a request whose time ran out while it waited.
    fn out_of_time() -> Self;

    /// Whether the request that did the work ran out of time. One that waits for it may have more.
    fn is_out_of_time(&self) -> bool;
}

/// Work in progress, by what it is for.
#[derive(Debug)]
pub struct SingleFlight<K, T>(Locked<HashMap<K, Arc<Flight<T>>>>);

#[derive(Debug)]
struct Flight<T> {
    outcome: Locked<Option<T>>,
    has_ended: AtomicBool,
}

impl<K, T> Default for SingleFlight<K, T> {
    fn default() -> Self {
        Self(Locked::default())
    }
}

impl<K: Hash + Eq + Clone, T: Outcome> SingleFlight<K, T> {
    /// Does `work`, or waits for the request that is doing it for the same `key` and takes its outcome, good or bad.
    ///
    /// If the outcome is only about that request's own time, or if that request is dropped, one of those that wait
    /// takes over.
    pub async fn run<H: Host>(&self, host: &H, deadline: Deadline, key: K, work: impl Future<Output = T>) -> T {
        while let Some(flight) = self.join(&key) {
            let mut pause = FIRST_CHECK;
            loop {
                // In this order, because the outcome is set before the end.
                let has_ended = flight.has_ended.load(Ordering::Acquire);
                if let Some(outcome) = flight.outcome.lock().as_ref().filter(|outcome| !outcome.is_out_of_time()) {
                    return outcome.clone();
                }
                if has_ended {
                    break;
                }
                if deadline.remaining(host).is_zero() {
                    return T::out_of_time();
                }
                host.sleep(pause).await;
                pause = LAST_CHECK.min(pause.saturating_mul(2));
            }
        }
        let lead = Lead { flights: self, key };
        let outcome = work.await;
        lead.land(outcome.clone());
        outcome
    }

    /// Whether work for `key` is in progress.
    #[must_use]
    pub fn is_running(&self, key: &K) -> bool {
        self.0.lock().contains_key(key)
    }

    /// The flight of `key`, or `None` after having opened one: the caller leads it.
    fn join(&self, key: &K) -> Option<Arc<Flight<T>>> {
        let mut flights = self.0.lock();
        let running = flights.get(key).cloned();
        if running.is_none() {
            let flight = Flight { outcome: Locked::default(), has_ended: AtomicBool::new(false) };
            flights.insert(key.clone(), Arc::new(flight));
        }
        running
    }
}

/// The request that does the work. If it is dropped before it is done, the next one takes over.
struct Lead<'a, K: Hash + Eq, T> {
    flights: &'a SingleFlight<K, T>,
    key: K,
}

impl<K: Hash + Eq, T> Lead<'_, K, T> {
    fn land(self, outcome: T) {
        let flight = self.flights.0.lock().get(&self.key).cloned();
        if let Some(flight) = flight {
            *flight.outcome.lock() = Some(outcome);
        }
    }
}

impl<K: Hash + Eq, T> Drop for Lead<'_, K, T> {
    fn drop(&mut self) {
        let flight = self.flights.0.lock().remove(&self.key);
        if let Some(flight) = flight {
            flight.has_ended.store(true, Ordering::Release);
        }
    }
}
