//! A Redis server for a run, if one is installed.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use cargo_dev::programs::output_of;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::sleep,
};

use crate::bound_command::{self, Lifeline, bound_command};

const PROGRAM: &str = "redis-server";
const ATTEMPTS: usize = 100;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// A server on loopback that keeps nothing on disk. Killed when dropped.
#[derive(Debug)]
pub struct Redis {
    address: SocketAddr,
    _child: Child,
    _lifeline: Lifeline,
}

impl Redis {
    /// Whether one is installed.
    pub async fn is_installed() -> bool {
        output_of(Command::new(PROGRAM).arg("--version")).await.is_ok()
    }

    /// Starts a server on a free port, in `directory`.
    ///
    /// # Errors
    /// If it cannot be started or does not listen within five seconds.
    pub async fn start(directory: &Path) -> Result<Self> {
        // Redis cannot choose a free port itself. This one was free a moment ago.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut command = bound_command(PROGRAM);
        command
            .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let (child, lifeline) = bound_command::spawn(&mut command).context("redis-server could not be started")?;
        for _ in 0..ATTEMPTS {
            if TcpStream::connect(address).await.is_ok() {
                return Ok(Self { address, _child: child, _lifeline: lifeline });
            }
            sleep(BETWEEN_ATTEMPTS).await;
        }
        bail!("redis-server does not listen on {address}")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }
}
