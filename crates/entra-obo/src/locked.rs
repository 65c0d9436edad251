//! State that several requests share.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A value behind a lock that is held for a moment, and never while waiting.
#[derive(Debug, Default)]
pub struct Locked<T>(Mutex<T>);

impl<T> Locked<T> {
    /// The value behind a lock.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// The value, for this thread only.
    ///
    /// Nothing here leaves a value half changed when it panics, so a lock that a panic has poisoned is as good as new.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
