//! What serves Spin applications: the real Spin or the embedded host.

use std::ffi::OsString;

use anyhow::{Result, bail};
use cargo_dev::{
    commands::host_choice::HostChoice,
    handover::{Host, embedded_host},
    progress::Progress,
    spin_program::SpinProgram,
    workspace,
};
use tokio::fs;

use super::{control::Control, options::HostOptions, server::Server};

/// What runs the components.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Runner {
    /// The program of the package `embedded-host`, which needs no installation.
    #[default]
    Embedded,
    /// The real `spin`, 4.1 or newer, on `PATH` or named by `SPIN`.
    RealSpin,
}

impl Runner {
    /// The environment variable that makes the end-to-end tests run on the real `spin`.
    pub const VARIABLE: &str = "PROFILE_GET_SPIN";

    /// The real `spin` if [`Self::VARIABLE`] is `1`, otherwise the embedded host.
    ///
    /// # Errors
    /// If the variable has another value.
    pub fn from_environment() -> Result<Self> {
        match std::env::var(Self::VARIABLE).unwrap_or_default().as_str() {
            "1" => Ok(Self::RealSpin),
            "" | "0" => Ok(Self::Embedded),
            other => bail!("{} is {other:?}: set it to 1 to test on the real Spin, or unset it", Self::VARIABLE),
        }
    }

    /// What the arguments of a command choose.
    ///
    /// # Errors
    /// If the real Spin is requested, and missing or too old.
    pub async fn chosen(choice: HostChoice) -> Result<Self> {
        Ok(match choice.host().await? {
            Host::Embedded => Self::Embedded,
            Host::Other => Self::RealSpin,
        })
    }

    /// Finds the runner. Called before anything is built for it.
    ///
    /// # Errors
    /// If the real Spin is missing or too old, or the embedded host does not build.
    pub async fn find(self, progress: Progress) -> Result<AvailableRunner> {
        Ok(match self {
            Self::Embedded => AvailableRunner::Embedded(embedded_host(progress).await?.into()),
            Self::RealSpin => AvailableRunner::Spin(SpinProgram::find().await?.path().to_owned()),
        })
    }
}

/// A runner that is available on this machine, with its program.
#[derive(Clone, Debug)]
pub enum AvailableRunner {
    /// The embedded host.
    Embedded(OsString),
    /// The real `spin`.
    Spin(OsString),
}

impl AvailableRunner {
    /// The name of the state folder within a run's folder. The two hosts keep different files.
    pub fn state_folder(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "state",
            Self::Spin(_) => "spin-state",
        }
    }

    /// Serves the application that `options` describe.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn serve(&self, options: HostOptions) -> Result<Server> {
        fs::create_dir_all(&options.state_dir).await?;
        let HostOptions { environment, state_dir, log, .. } = &options;
        let mut arguments = options.arguments();
        // Spin reads a `.env` in the current folder.
        match self {
            Self::Spin(program) => Server::run(program, arguments, environment, state_dir, log).await,
            Self::Embedded(program) => {
                let control = Control::new()?;
                arguments.extend(["--compiled".into(), workspace::compiled().into()]);
                arguments.extend(["--control".into(), control.socket().into()]);
                let server = Server::run(program, arguments, environment, state_dir, log).await?;
                Ok(server.with_control(control))
            }
        }
    }
}
