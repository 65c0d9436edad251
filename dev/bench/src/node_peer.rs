//! The peers on Node: their packages, and how they are run.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_dev::{programs::output_of, workspace};
use emulated_tenant::Tenant;
use tokio::{fs, process::Command};

const FILES: [&str; 5] = ["package.json", "package-lock.json", "entra.mjs", "guard.mjs", "server.mjs"];
/// The one of those that determines which packages are installed.
const LOCK: &str = "package-lock.json";
/// Written after installation; a copy of the lock file.
const STAMP: &str = "installed";

/// The peers, ready to run in `target/bench/node-peer`.
#[derive(Debug)]
pub(super) struct NodePeer(PathBuf);

impl NodePeer {
    /// Installs their packages, by exact version, unless they are installed already.
    ///
    /// # Errors
    /// If Node or npm is missing, or the registry cannot be reached.
    pub(super) async fn prepare() -> Result<Self> {
        for program in ["node", "npm"] {
            output_of(Command::new(program).arg("--version")).await.with_context(|| format!("{program} is missing"))?;
        }
        let source = workspace::root().join("bench/node-peer");
        let folder = workspace::target().join("bench/node-peer");
        fs::create_dir_all(&folder).await?;
        for file in FILES {
            fs::copy(source.join(file), folder.join(file)).await.with_context(|| format!("bench/node-peer/{file}"))?;
        }
        let (lock, stamp) = (fs::read(folder.join(LOCK)).await?, folder.join(STAMP));
        if fs::read(&stamp).await.ok().as_ref() != Some(&lock) {
            let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
            output_of(Command::new("npm").args(install).current_dir(&folder)).await?;
            fs::write(stamp, lock).await?;
        }
        Ok(Self(folder))
    }

    /// The command that serves by `script`, for `tenant`.
    pub(super) fn command(&self, script: &str, tenant: &Tenant) -> Command {
        let mut command = Command::new("node");
        command
            .arg(script)
            .current_dir(self.folder())
            .env("NODE_ENV", "production")
            .env("AUTHORITY_URL", tenant.authority_url())
            .env("GRAPH_URL", tenant.graph_url())
            .env("TENANT_ID", tenant.tenant_id())
            .env("CLIENT_ID", tenant.client_id())
            .env("CLIENT_SECRET", tenant.client_secret());
        command
    }

    fn folder(&self) -> &Path {
        &self.0
    }
}
