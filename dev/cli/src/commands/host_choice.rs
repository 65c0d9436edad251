//! Who serves what a command starts.

use anyhow::Result;
use clap::Args;

use crate::{handover::Host, spin_program::SpinProgram};

/// Without either, it is the real Spin if that is installed and new enough, since then the embedded host need not be built.
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
    /// The chosen one.
    ///
    /// # Errors
    /// If the real Spin is requested, and missing or too old.
    pub async fn host(self) -> Result<Host> {
        if self.embedded {
            return Ok(Host::Embedded);
        }
        match SpinProgram::find().await {
            Ok(_) => Ok(Host::Other),
            Err(error) if self.spin => Err(error),
            Err(_) => Ok(Host::Embedded),
        }
    }
}
