//! `cargo dev build`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::{component_build, progress::Progress};

/// Build the Wasm component into target/wasm32-wasip2/release.
///
/// The same as `cargo build --target wasm32-wasip2 --release`, but provides the compiler for that target first where
/// the machine has none.
#[derive(Args, Debug)]
pub struct Build {}

impl Build {
    /// Builds the component and prints where it is.
    ///
    /// # Errors
    /// When no compiler can be had or the component does not compile.
    pub async fn run(self, progress: Progress) -> Result<ExitCode> {
        let component = component_build::component(progress).await?;
        println!("{}", component.display());
        Ok(ExitCode::SUCCESS)
    }
}
