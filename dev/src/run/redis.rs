//! A Redis server for a run, if one is installed.

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::{Result, bail, ensure};
use cargo_dev::programs::output_of;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
    time::sleep,
};

use super::loopback_server::LoopbackServer;

const PROGRAM: &str = "redis-server";
const ATTEMPTS: usize = 100;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// A server on loopback that keeps nothing on disk. Killed when dropped.
#[derive(Debug)]
pub struct Redis(LoopbackServer);

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
        Self::answering(LoopbackServer::start(PROGRAM, arranged(directory)).await?).await
    }

    /// Ends the server and starts an empty one on the same port after a while.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn replace(self, directory: &Path, after: Duration) -> Result<Self> {
        let address = self.address();
        self.0.stop().await?;
        sleep(after).await;
        Self::answering(LoopbackServer::start_at(address, PROGRAM, arranged(directory)).await?).await
    }

    /// It resets connections that come right after it has begun to listen.
    async fn answering(server: LoopbackServer) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            if pong(server.address()).await.is_ok() {
                return Ok(Self(server));
            }
            sleep(BETWEEN_ATTEMPTS).await;
        }
        bail!("{PROGRAM} does not answer on {}", server.address())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// The same as a URL.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }
}

async fn pong(address: SocketAddr) -> Result<()> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(b"PING\r\n").await?;
    let mut answer = [0; 7];
    connection.read_exact(&mut answer).await?;
    ensure!(&answer == b"+PONG\r\n");
    Ok(())
}

fn arranged(directory: &Path) -> impl FnOnce(&mut Command, SocketAddr) -> Result<()> {
    move |command, address| {
        command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string()]);
        command.args(["--save", "", "--appendonly", "no"]).current_dir(directory);
        Ok(())
    }
}
