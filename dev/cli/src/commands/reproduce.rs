//! `cargo dev reproduce`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::{progress::Progress, supply_chain};

/// Build the component twice, in different folders, and compare the bytes.
#[derive(Args, Debug)]
pub struct Reproduce {}

impl Reproduce {
    /// Prints the hash, and fails if the two builds differ.
    ///
    /// # Errors
    /// If a build fails.
    pub async fn run(self, progress: Progress) -> Result<ExitCode> {
        let reproduction = supply_chain::reproduce(progress).await?;
        match reproduction.problem() {
            None => {
                println!("sha256:{}", reproduction.here);
                Ok(ExitCode::SUCCESS)
            }
            Some(problem) => {
                eprintln!("{problem}");
                Ok(ExitCode::FAILURE)
            }
        }
    }
}
