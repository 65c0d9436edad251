//! The wall clock that components see.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use wasmtime_wasi::HostWallClock;

/// This machine's clock with an offset. Clones share the offset, so it can be changed while components run.
#[derive(Clone, Debug, Default)]
pub(super) struct WallClock {
    seconds_ahead: Arc<AtomicI64>,
}

impl WallClock {
    /// Sets the offset from this machine's clock; negative values are behind it.
    pub(super) fn set_ahead(&self, seconds: i64) {
        self.seconds_ahead.store(seconds, Ordering::Relaxed);
    }
}

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ahead = self.seconds_ahead.load(Ordering::Relaxed);
        let distance = Duration::from_secs(ahead.unsigned_abs());
        if ahead < 0 { now.saturating_sub(distance) } else { now.saturating_add(distance) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clone_moves() {
        let clock = WallClock::default();
        let seen = clock.clone();
        let before = seen.now();
        clock.set_ahead(86_400);
        assert!(seen.now() - before >= Duration::from_secs(86_400));
        clock.set_ahead(-86_400);
        assert!(before - seen.now() >= Duration::from_secs(86_000));
        clock.set_ahead(0);
        assert!(seen.now() - before < Duration::from_secs(60));
    }
}
