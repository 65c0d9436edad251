//! Eventual consistency: a new object is not found at once.

use std::sync::atomic::{AtomicU32, Ordering};

/// How many lookups still miss a new object.
pub(crate) struct Lag(AtomicU32);

impl Lag {
    pub(crate) fn new(lookups: u32) -> Self {
        Self(AtomicU32::new(lookups))
    }

    /// Whether the object can be found. Each call counts as a lookup.
    pub(crate) fn has_passed(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err()
    }
}

/// The lag of objects that are created from now on.
#[derive(Default)]
pub(crate) struct Replication(AtomicU32);

impl Replication {
    pub(crate) fn set(&self, lookups: u32) {
        self.0.store(lookups, Ordering::Relaxed);
    }

    pub(crate) fn lag(&self) -> Lag {
        Lag::new(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_object_is_missed_as_often_as_set() {
        let replication = Replication::default();
        assert!(replication.lag().has_passed());
        replication.set(2);
        let lag = replication.lag();
        assert_eq!(
            [lag.has_passed(), lag.has_passed(), lag.has_passed(), lag.has_passed()],
            [false, false, true, true]
        );
    }
}
