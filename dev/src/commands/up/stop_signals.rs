//! The signals that end `cargo dev up`.

use anyhow::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit code that shells use for a program ended by Ctrl-C.
pub(super) const INTERRUPTED: u8 = 130;

/// The signals that ask a program to end: Ctrl-C, `kill`, a closed terminal.
pub(super) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl StopSignals {
    pub(super) fn catch() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    pub(super) async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
