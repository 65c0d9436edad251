//! A server program on a free port of this machine.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::sleep,
};

use crate::bound_command::{self, Lifeline, bound_command};

const ATTEMPTS: usize = 100;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// Killed when dropped.
#[derive(Debug)]
pub(super) struct LoopbackServer {
    address: SocketAddr,
    child: Child,
    _lifeline: Lifeline,
}

impl LoopbackServer {
    /// Starts `program` with what `arrange` adds to its command for an address, and waits until it listens there.
    ///
    /// # Errors
    /// If it cannot be started or does not listen within five seconds.
    pub(super) async fn start(
        program: &str,
        arrange: impl FnOnce(&mut Command, SocketAddr) -> Result<()>,
    ) -> Result<Self> {
        // These programs cannot choose a free port themselves. This one was free a moment ago.
        Self::start_at(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?, program, arrange).await
    }

    /// The same on a given address.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(super) async fn start_at(
        address: SocketAddr,
        program: &str,
        arrange: impl FnOnce(&mut Command, SocketAddr) -> Result<()>,
    ) -> Result<Self> {
        let mut command = bound_command(program);
        command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        arrange(&mut command, address)?;
        let (child, lifeline) =
            bound_command::spawn(&mut command).with_context(|| format!("{program} could not be started"))?;
        for _ in 0..ATTEMPTS {
            if TcpStream::connect(address).await.is_ok() {
                return Ok(Self { address, child, _lifeline: lifeline });
            }
            sleep(BETWEEN_ATTEMPTS).await;
        }
        bail!("{program} does not listen on {address}")
    }

    /// Kills it, and waits until it has ended.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub(super) async fn stop(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}
