//! `cargo dev sbom`

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::Args;

use crate::supply_chain;

/// Print the component's software bill of materials: CycloneDX, as JSON.
#[derive(Args, Debug)]
pub struct Sbom {
    /// The file to write. Default: standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Sbom {
    /// Prints or writes it.
    ///
    /// # Errors
    /// If cargo cannot resolve the component's dependencies, or the file cannot be written.
    pub async fn run(self) -> Result<ExitCode> {
        let bill = format!("{:#}\n", supply_chain::bill_of_materials().await?);
        match self.output {
            None => print!("{bill}"),
            Some(file) => {
                tokio::fs::write(&file, bill).await.with_context(|| format!("cannot write {}", file.display()))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
