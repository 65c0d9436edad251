//! Who serves what a command starts.

use anyhow::Result;
use clap::Args;

use crate::{runner::Runner, spin_program::SpinProgram};

/// With neither, Spin is used if it is installed and new enough. The embedded host then need not be built.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct HostChoice {
    /// Run the real `spin` (4.1 or newer, on PATH or named by SPIN). Default, if there is one.
    #[arg(long, conflicts_with = "embedded")]
    pub spin: bool,
    /// Run the embedded host even if Spin is installed.
    #[arg(long)]
    pub embedded: bool,
}

impl HostChoice {
    /// The chosen one. `note` gets the reason if the embedded host takes Spin's place.
    ///
    /// # Errors
    /// If the real Spin is requested, or named by `SPIN`, and missing or too old.
    pub async fn runner(self, note: impl FnOnce(&str)) -> Result<Runner> {
        if self.embedded {
            return Ok(Runner::Embedded);
        }
        match SpinProgram::find().await {
            Ok(_) => Ok(Runner::RealSpin),
            Err(error) if self.spin || SpinProgram::is_named() => Err(error),
            Err(error) => {
                note(&format!("the embedded host serves in Spin's place, because {error}"));
                Ok(Runner::Embedded)
            }
        }
    }
}
