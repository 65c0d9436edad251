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
    _child: Child,
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
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut command = bound_command(program);
        command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        arrange(&mut command, address)?;
        let (child, lifeline) =
            bound_command::spawn(&mut command).with_context(|| format!("{program} could not be started"))?;
        for _ in 0..ATTEMPTS {
            if TcpStream::connect(address).await.is_ok() {
                return Ok(Self { address, _child: child, _lifeline: lifeline });
            }
            sleep(BETWEEN_ATTEMPTS).await;
        }
        bail!("{program} does not listen on {address}")
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}
