//! `cargo dev build`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::{component::Component, progress::Progress};

/// Build the Wasm components, the API, the sign-in app and `entra`, into target/wasm32-wasip2/release.
///
/// Does the same as `spin build` for each, and first provides a compiler for their target if the machine has none.
#[derive(Args, Debug)]
pub struct Build {}

impl Build {
    /// Builds the components and prints where they are.
    ///
    /// # Errors
    /// If there is no compiler or a component does not compile.
    pub async fn run(self, progress: Progress) -> Result<ExitCode> {
        for component in [Component::Api, Component::SignInApp, Component::Entra] {
            println!("{}", component.build(progress).await?.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}
