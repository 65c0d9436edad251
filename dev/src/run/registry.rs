//! A registry of container images and Spin applications, if one is installed.

use std::{fs, net::SocketAddr, path::Path};

use anyhow::Result;
use cargo_dev::programs::output_of;
use tokio::process::Command;

use super::loopback_server::LoopbackServer;

/// In Debian, the program and the package have this name.
const PROGRAM: &str = "docker-registry";

/// A registry on loopback, without TLS, that keeps what is pushed in a folder. Killed when dropped.
#[derive(Debug)]
pub struct Registry(LoopbackServer);

impl Registry {
    /// Whether one is installed.
    pub async fn is_installed() -> bool {
        output_of(Command::new(PROGRAM).arg("--version")).await.is_ok()
    }

    /// Starts a registry on a free port, which keeps its files in `directory`.
    ///
    /// # Errors
    /// If it cannot be started or does not listen within five seconds.
    pub async fn start(directory: &Path) -> Result<Self> {
        let server = LoopbackServer::start(PROGRAM, |command, address| {
            let file = directory.join("registry.yml");
            let storage = format!("storage: {{filesystem: {{rootdirectory: {:?}}}}}", directory.join("registry"));
            fs::write(&file, format!("version: 0.1\n{storage}\nhttp: {{addr: \"{address}\"}}\n"))?;
            command.arg("serve").arg(file);
            Ok(())
        });
        Ok(Self(server.await?))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}
