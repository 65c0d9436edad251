//! Serves a Spin application with the embedded host or the real Spin.

use std::future;

use anyhow::{Error, Result, bail};
use cargo_dev::spin_program::SpinProgram;
use embedded_host::{HostOptions, MemoryMeter, RunningHost};

use crate::real_spin::RealSpin;

/// What runs the components.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Runner {
    /// The host of the crate `embedded-host`, which needs no installation.
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

    /// Finds the runner. Called before anything is built for it.
    ///
    /// # Errors
    /// If the real Spin is missing or too old.
    pub async fn find(self) -> Result<AvailableRunner> {
        Ok(match self {
            Self::Embedded => AvailableRunner::Embedded,
            Self::RealSpin => AvailableRunner::Spin(SpinProgram::find().await?),
        })
    }
}

/// A runner that is available on this machine.
#[derive(Debug)]
pub enum AvailableRunner {
    /// The host of the crate `embedded-host`.
    Embedded,
    /// The real `spin`.
    Spin(SpinProgram),
}

impl AvailableRunner {
    /// The name of the state folder within a run's folder. The two hosts keep different files.
    pub fn state_folder(&self) -> &'static str {
        match self {
            Self::Embedded => "state",
            Self::Spin(_) => "spin-state",
        }
    }

    /// Serves the application that `options` describe.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn serve(&self, options: HostOptions) -> Result<Server> {
        Ok(match self {
            Self::Embedded => Server::Embedded(RunningHost::start(options).await?),
            Self::Spin(program) => Server::Spin(Box::new(RealSpin::start(program, options).await?)),
        })
    }
}

/// A running application. Dropping it ends its host.
#[derive(Debug)]
pub enum Server {
    /// By the embedded host.
    Embedded(RunningHost),
    /// By the real `spin`.
    Spin(Box<RealSpin>),
}

impl Server {
    /// The base URL, without a trailing slash.
    pub fn url(&self) -> &str {
        match self {
            Self::Embedded(host) => host.url(),
            Self::Spin(spin) => spin.url(),
        }
    }

    /// The log so far, if the options ask to collect it.
    pub fn log_lines(&self) -> Vec<String> {
        match self {
            Self::Embedded(host) => host.logs().iter().map(ToString::to_string).collect(),
            Self::Spin(spin) => spin.log_lines(),
        }
    }

    /// Measures the memory of the embedded host's instances.
    pub fn memory(&self) -> Option<MemoryMeter> {
        match self {
            Self::Embedded(host) => Some(host.memory()),
            Self::Spin(_) => None,
        }
    }

    /// The process of the real Spin.
    pub fn spin_process(&self) -> Option<u32> {
        match self {
            Self::Embedded(_) => None,
            Self::Spin(spin) => spin.process_id(),
        }
    }

    /// Waits until it ends by itself. Only the real Spin can do so.
    pub async fn ended(&mut self) -> Error {
        match self {
            Self::Embedded(_) => future::pending().await,
            Self::Spin(spin) => spin.ended().await,
        }
    }

    /// Ends it after the requests in progress.
    pub async fn stop(self) {
        match self {
            Self::Embedded(host) => host.stop().await,
            Self::Spin(spin) => spin.stop().await,
        }
    }
}
