//! The moment by which a request must have been answered, and waits that end in time.

use std::{pin::pin, time::Duration};

use futures::future::{Either, select};

use crate::host::Host;

/// The moment by which a request must have been answered.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Duration);

impl Deadline {
    /// `limit` after a moment of [`Host::elapsed`].
    #[must_use]
    pub const fn after(moment: Duration, limit: Duration) -> Self {
        Self(moment.saturating_add(limit))
    }

    /// What is left.
    pub fn remaining<H: Host>(self, host: &H) -> Duration {
        self.left_at(host.elapsed())
    }

    /// What is left at a moment of [`Host::elapsed`].
    #[must_use]
    pub const fn left_at(self, moment: Duration) -> Duration {
        self.0.saturating_sub(moment)
    }
}

/// Waits for `work`, but not longer than `limit`.
///
/// # Errors
/// [`Elapsed`] if `limit` passed; the work is dropped then.
pub async fn within<H: Host, T>(host: &H, limit: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    race(host.sleep(limit), work).await
}

/// Waits for `work`, but not longer than for `timer`.
///
/// # Errors
/// [`Elapsed`] if the timer ended first; the work is dropped then.
pub async fn race<T>(timer: impl Future<Output = ()>, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    match select(pin!(work), pin!(timer)).await {
        Either::Left((done, _)) => Ok(done),
        Either::Right(_) => Err(Elapsed),
    }
}

/// A time limit passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;
