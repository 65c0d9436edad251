//! The peers on Node: their packages, and how they are run.

use std::path::PathBuf;

use anyhow::Result;
use cargo_dev::npm_and_pip::npm;
use emulated_tenant::Tenant;
use tokio::process::Command;

/// The peers, ready to run in a folder below `target/`.
#[derive(Debug)]
pub(super) struct NodePeer(PathBuf);

impl NodePeer {
    /// Installs their packages, by exact version, unless they are installed already.
    ///
    /// # Errors
    /// If Node or npm is missing, or the registry cannot be reached.
    pub(super) async fn prepare() -> Result<Self> {
        Ok(Self(npm("bench/node-peer").await?))
    }

    /// The command that serves by `script`, for `tenant`.
    pub(super) fn command(&self, script: &str, tenant: &Tenant) -> Command {
        let mut command = Command::new("node");
        command
            .arg(script)
            .current_dir(&self.0)
            .env("NODE_ENV", "production")
            .env("AUTHORITY_URL", tenant.authority_url())
            .env("GRAPH_URL", tenant.graph_url())
            .env("TENANT_ID", tenant.tenant_id())
            .env("CLIENT_ID", tenant.client_id())
            .env("CLIENT_SECRET", tenant.client_secret());
        command
    }
}
