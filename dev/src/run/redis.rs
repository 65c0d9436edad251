//! A Redis server for a run, if one is installed.

use std::{net::SocketAddr, path::Path};

use anyhow::Result;
use cargo_dev::programs::output_of;
use tokio::process::Command;

use super::loopback_server::LoopbackServer;

const PROGRAM: &str = "redis-server";

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
        let server = LoopbackServer::start(PROGRAM, |command, address| {
            command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string()]);
            command.args(["--save", "", "--appendonly", "no"]).current_dir(directory);
            Ok(())
        });
        Ok(Self(server.await?))
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
