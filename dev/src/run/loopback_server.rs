//! A server program on a free port of this machine.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Range,
    process::{self, Stdio},
    sync::atomic::{AtomicU16, Ordering},
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

/// Below the ports that systems give to outgoing connections. While a server is replaced, its clients try to connect, and one
/// whose own port happened to be the server's would be connected to itself and keep the server from coming back.
const PORTS: Range<u16> = 16_384..32_768;

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
        Self::start_at(free_address()?, program, arrange).await
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

/// An address that was free a moment ago: these programs cannot choose one themselves. Processes and calls begin at different
/// ports.
fn free_address() -> Result<SocketAddr> {
    static CALLS: AtomicU16 = AtomicU16::new(0);
    let span = PORTS.end - PORTS.start;
    let first = u16::try_from(process::id() % u32::from(span))?;
    let mut addresses = (0..ATTEMPTS).map(|_| {
        let port = PORTS.start + first.wrapping_add(CALLS.fetch_add(1, Ordering::Relaxed)) % span;
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    });
    addresses.find(|address| TcpListener::bind(address).is_ok()).context("no free port was found")
}
