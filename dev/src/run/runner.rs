//! What serves Spin applications: the real Spin or the embedded host.

use std::{ffi::OsString, fmt};

use anyhow::Result;
use cargo_dev::{handover::embedded_host, progress::Progress, runner::Runner, spin_program::SpinProgram, workspace};
use tokio::fs;

use super::{control::Control, options::HostOptions, server::Server};

/// A runner that is available on this machine, with its program.
#[derive(Clone, Debug)]
pub enum AvailableRunner {
    /// The embedded host.
    Embedded(OsString),
    /// The real `spin`.
    Spin(OsString),
}

/// For people.
impl fmt::Display for AvailableRunner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(_) => formatter.write_str("the embedded host"),
            Self::Spin(program) => write!(formatter, "Spin ({})", program.display()),
        }
    }
}

impl AvailableRunner {
    /// Finds the program of `runner`, or builds the embedded host.
    ///
    /// # Errors
    /// If the real Spin is missing or too old, or the embedded host does not build.
    pub async fn find(runner: Runner, progress: Progress) -> Result<Self> {
        Ok(match runner {
            Runner::Embedded => Self::Embedded(embedded_host(progress).await?.into()),
            Runner::RealSpin => Self::Spin(SpinProgram::find().await?.path().to_owned()),
        })
    }

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
        let mut arguments = options.arguments();
        let (program, control) = match self {
            Self::Spin(program) => (program, None),
            Self::Embedded(program) => {
                arguments.extend(["--compiled".into(), workspace::compiled().into()]);
                (program, if options.is_controlled { Some(Control::new()?) } else { None })
            }
        };
        if let Some(control) = &control {
            arguments.extend(["--control".into(), control.socket().into()]);
        }
        // Spin reads a `.env` in the current folder.
        let HostOptions { environment, state_dir, log, .. } = &options;
        let server = Server::run(program, arguments, environment, state_dir, log).await?;
        Ok(match control {
            Some(control) => server.with_control(control),
            None => server,
        })
    }
}
