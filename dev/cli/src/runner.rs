//! What runs components on this machine.

use std::env;

use anyhow::{Result, bail};

use crate::spin_program::SpinProgram;

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
    /// The environment variable that makes tests and the deep check run on the real `spin`.
    pub const VARIABLE: &str = "PROFILE_GET_SPIN";

    /// The real `spin` if [`Self::VARIABLE`] is `1`, otherwise the embedded host.
    ///
    /// # Errors
    /// If the variable has another value.
    pub fn from_environment() -> Result<Self> {
        match env::var(Self::VARIABLE).unwrap_or_default().as_str() {
            "1" => Ok(Self::RealSpin),
            "" | "0" => Ok(Self::Embedded),
            other => bail!("{} is {other:?}: set it to 1 to test on the real Spin, or unset it", Self::VARIABLE),
        }
    }

    /// Fails if this is the real Spin, and that is missing or too old, before minutes are spent on building.
    ///
    /// # Errors
    /// If the real Spin is missing or too old.
    pub async fn checked(self) -> Result<Self> {
        if self == Self::RealSpin {
            SpinProgram::find().await?;
        }
        Ok(self)
    }
}
