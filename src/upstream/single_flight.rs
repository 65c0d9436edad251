//! One upstream call for all the requests of an instance that need the same thing at the same time.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    hash::Hash,
    rc::Rc,
    time::Duration,
};

use crate::{host::Host, upstream::call::Deadline};

/// How often those who wait check, at first and at the longest. Each request is a task of its own to the host; waking one
/// from another costs more than it gains (see "Waiting for the same thing" in ARCHITECTURE.md).
const FIRST_CHECK: Duration = Duration::from_millis(1);
const LAST_CHECK: Duration = Duration::from_millis(16);

/// Work under way, by what it is for.
#[derive(Debug)]
pub struct SingleFlight<K, T> {
    flights: RefCell<HashMap<K, Rc<Flight<T>>>>,
    /// Whether an outcome holds for those who waited too.
    is_shared: fn(&T) -> bool,
}

#[derive(Debug)]
struct Flight<T> {
    outcome: RefCell<Option<T>>,
    given_up: Cell<bool>,
}

impl<K, T> Default for SingleFlight<K, T> {
    fn default() -> Self {
        Self::sharing(|_| true)
    }
}

impl<K, T> SingleFlight<K, T> {
    /// Of which only those outcomes are shared that `is_shared` names; after another, one of those who waited works
    /// itself.
    pub fn sharing(is_shared: fn(&T) -> bool) -> Self {
        Self { flights: RefCell::default(), is_shared }
    }
}

impl<K: Hash + Eq + Clone, T: Clone> SingleFlight<K, T> {
    /// Does `work`, or waits for whoever is doing it for the same `key` and takes the same outcome, good or bad.
    ///
    /// `None` if the deadline passed while waiting. If the one who works is dropped, one of those who wait takes over.
    pub async fn run<H: Host>(&self, host: &H, deadline: Deadline, key: K, work: impl AsyncFnOnce() -> T) -> Option<T> {
        let mut pause = FIRST_CHECK;
        loop {
            let Some(flight) = self.join(&key) else { break };
            if flight.given_up.get() {
                continue;
            }
            if deadline.remaining(host).is_zero() {
                return None;
            }
            host.sleep(pause).await;
            pause = LAST_CHECK.min(pause.saturating_mul(2));
            // The flight may have landed meanwhile and have left the list; its outcome is still held here.
            if let Some(outcome) = flight.outcome.borrow().as_ref().filter(|outcome| (self.is_shared)(outcome)) {
                return Some(outcome.clone());
            }
        }
        let lead = Lead { flights: self, key };
        let outcome = work().await;
        lead.land(outcome.clone());
        Some(outcome)
    }

    /// Whether somebody is working for `key`.
    #[must_use]
    pub fn is_running(&self, key: &K) -> bool {
        self.flights.borrow().contains_key(key)
    }

    /// The flight of `key`, or `None` after having opened one: the caller leads it.
    fn join(&self, key: &K) -> Option<Rc<Flight<T>>> {
        let mut flights = self.flights.borrow_mut();
        let running = flights.get(key).cloned();
        if running.is_none() {
            let flight = Flight { outcome: RefCell::new(None), given_up: Cell::new(false) };
            flights.insert(key.clone(), Rc::new(flight));
        }
        running
    }
}

/// The one who works. Dropped without having landed, it leaves the place to the next.
struct Lead<'a, K: Hash + Eq, T> {
    flights: &'a SingleFlight<K, T>,
    key: K,
}

impl<K: Hash + Eq, T> Lead<'_, K, T> {
    fn land(self, outcome: T) {
        if let Some(flight) = self.flights.flights.borrow().get(&self.key) {
            flight.outcome.replace(Some(outcome));
        }
    }
}

impl<K: Hash + Eq, T> Drop for Lead<'_, K, T> {
    fn drop(&mut self) {
        if let Some(flight) = self.flights.flights.borrow_mut().remove(&self.key) {
            flight.given_up.set(true);
        }
    }
}
