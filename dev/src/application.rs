//! The whole application on this machine: the API, and the tenant that it believes in.

use std::{
    collections::BTreeMap,
    future,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context, Error, Result, bail};
use emulated_tenant::{Tenant, TenantOptions};
use tempfile::TempDir;
use tokio::fs;

use crate::{
    component_build,
    host::{HostOptions, InstanceReuse, LogSink, RunningHost},
    progress::Progress,
    real_spin::{RealSpin, SpinProgram},
    run_configuration, workspace,
};

/// What runs the component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Runner {
    /// The host in this package: needs nothing installed.
    #[default]
    Embedded,
    /// The real `spin`, 4.1 or newer, that `SPIN` names or that is on `PATH`.
    RealSpin,
}

impl Runner {
    /// The environment variable that makes the end-to-end tests run on the real `spin`.
    pub const VARIABLE: &str = "PROFILE_GET_SPIN";

    /// The real `spin` when [`Self::VARIABLE`] is `1`, else the embedded host.
    ///
    /// # Errors
    /// When the variable has another value.
    pub fn from_environment() -> Result<Self> {
        match std::env::var(Self::VARIABLE).unwrap_or_default().as_str() {
            "1" => Ok(Self::RealSpin),
            "" | "0" => Ok(Self::Embedded),
            other => bail!("{} is {other:?}: set it to 1 to test on the real Spin, or unset it", Self::VARIABLE),
        }
    }
}

/// How to run it. The default is what a test wants: the embedded host, free ports, collected logs, nothing kept.
#[derive(Clone, Debug)]
pub struct ApplicationOptions {
    /// What runs the component.
    pub runner: Runner,
    /// Where the API listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Application variables that come before every provider's, as `spin up --variable` gives them.
    pub variables: BTreeMap<String, String>,
    /// The emulated tenant's ports.
    pub tenant: TenantOptions,
    /// How component instances are reused.
    pub reuse: InstanceReuse,
    /// Where the component's log lines go.
    pub log: LogSink,
    /// Where the derived configuration and the key-value store are kept; a temporary folder when there is none.
    pub directory: Option<PathBuf>,
    /// How long steps are shown.
    pub progress: Progress,
}

impl Default for ApplicationOptions {
    fn default() -> Self {
        Self {
            runner: Runner::default(),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            variables: BTreeMap::new(),
            tenant: TenantOptions::default(),
            reuse: InstanceReuse::default(),
            log: LogSink::Collect,
            directory: None,
            progress: Progress::default(),
        }
    }
}

/// A running application. Dropping it ends everything that it started.
pub struct Application {
    /// The tenant that the API believes in.
    pub tenant: Tenant,
    server: Server,
    _directory: Directory,
}

impl Application {
    /// Builds the component if this process has not yet, starts a tenant, and the API configured for it.
    ///
    /// The API's configuration is the project's `runtime-config.toml` with the tenant's addresses in place of
    /// Microsoft's, so the client secret comes from the emulated vault as it does in production.
    ///
    /// # Errors
    /// When the real Spin is asked for and missing or too old, the component does not build, a port is taken, or the
    /// API does not start.
    pub async fn start(options: ApplicationOptions) -> Result<Self> {
        let spin = match options.runner {
            Runner::Embedded => None,
            Runner::RealSpin => Some(SpinProgram::find().await?),
        };
        component_build::component(options.progress).await?;
        let step = options.progress.step("Starting the emulated tenant and the API");
        let tenant = Tenant::start(options.tenant).await?;
        let directory = Directory::prepare(options.directory).await?;
        let runtime_config = write_runtime_config(directory.path(), &tenant).await?;
        let host = HostOptions {
            manifest: workspace::manifest(),
            runtime_config: Some(runtime_config),
            listen: options.listen,
            environment: run_configuration::vault_environment(&tenant),
            variables: options.variables,
            log: options.log,
            reuse: options.reuse,
            state_dir: directory.path().join(if spin.is_some() { "spin-state" } else { "state" }),
        };
        let server = match spin {
            None => Server::Embedded(RunningHost::start(host).await?),
            Some(program) => Server::Spin(Box::new(RealSpin::start(&program, host).await?)),
        };
        step.done("Started the emulated tenant and the API");
        Ok(Self { tenant, server, _directory: directory })
    }

    /// The API's base URL, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        match &self.server {
            Server::Embedded(host) => host.url(),
            Server::Spin(spin) => spin.url(),
        }
    }

    /// What was logged so far, where the options ask to collect it.
    #[must_use]
    pub fn log_lines(&self) -> Vec<String> {
        match &self.server {
            Server::Embedded(host) => host.logs().iter().map(ToString::to_string).collect(),
            Server::Spin(spin) => spin.log_lines(),
        }
    }

    /// Waits until the API ends by itself, which only the real Spin can do.
    pub async fn ended(&mut self) -> Error {
        match &mut self.server {
            Server::Embedded(_) => future::pending().await,
            Server::Spin(spin) => spin.ended().await,
        }
    }

    /// Ends the API after the requests under way, then the tenant.
    pub async fn stop(self) {
        match self.server {
            Server::Embedded(host) => host.stop().await,
            Server::Spin(spin) => spin.stop().await,
        }
    }
}

#[derive(Debug)]
enum Server {
    Embedded(RunningHost),
    Spin(Box<RealSpin>),
}

/// What a run keeps on disk, and for how long.
#[derive(Debug)]
enum Directory {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Directory {
    async fn prepare(kept: Option<PathBuf>) -> Result<Self> {
        let Some(directory) = kept else {
            return Ok(Self::Temporary(tempfile::tempdir().context("no temporary folder can be made")?));
        };
        fs::create_dir_all(&directory).await.with_context(|| format!("cannot make {}", directory.display()))?;
        Ok(Self::Kept(directory))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(directory) => directory,
            Self::Temporary(directory) => directory.path(),
        }
    }
}

async fn write_runtime_config(directory: &Path, tenant: &Tenant) -> Result<PathBuf> {
    let production = read(&workspace::runtime_config()).await?;
    let manifest = read(&workspace::manifest()).await?;
    let derived = run_configuration::derive(&production, &manifest, &run_configuration::Endpoints::of(tenant))?;
    let file = directory.join("runtime-config.toml");
    fs::write(&file, derived).await.with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

async fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).await.with_context(|| format!("cannot read {}", file.display()))
}
