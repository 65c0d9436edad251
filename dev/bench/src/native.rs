//! Servers without WebAssembly: the example of `entra-obo`, and the same API written by hand.

use std::{env, path::PathBuf};

use anyhow::Result;
use cargo_dev::{programs::output_of, progress::Progress, workspace};
use tokio::process::Command;

/// The profile and the folder in which they are built: optimised, unless this program is not.
const BUILD: (&str, &str) = if cfg!(debug_assertions) { ("dev", "debug") } else { ("bench", "release") };

/// The variables with their paths if they are already built. `cargo dev check` sets these, because it compiles the workspace by
/// clippy, and a build here would compile it again.
const BUILT: [&str; 2] = ["PROFILE_GET_NATIVE_SERVER", "PROFILE_GET_SERVER_BY_HAND"];

/// The built servers.
#[derive(Debug)]
pub(super) struct NativeServers {
    pub(super) core: PathBuf,
    pub(super) by_hand: PathBuf,
}

impl NativeServers {
    /// Builds both at once, so that they have the same HTTP client.
    ///
    /// # Errors
    /// If they do not build.
    pub(super) async fn build(progress: Progress) -> Result<Self> {
        if cfg!(debug_assertions)
            && let [Some(core), Some(by_hand)] = BUILT.map(env::var_os)
        {
            return Ok(Self { core: core.into(), by_hand: by_hand.into() });
        }
        let (profile, folder) = BUILD;
        let step = progress.step("Building the native servers");
        let mut cargo = Command::new(workspace::cargo());
        cargo
            .args([
                "build",
                "--profile",
                profile,
                "--package=entra-obo",
                "--example=axum",
                "--features=entra-obo/rustls",
            ])
            .args(["--package=bench-by-hand", "--bin=bench-by-hand", "--target-dir"])
            .arg(workspace::target())
            .current_dir(workspace::root());
        output_of(&mut cargo).await?;
        step.done("Built the native servers");
        let folder = workspace::target().join(folder);
        Ok(Self { core: folder.join("examples/axum"), by_hand: folder.join("bench-by-hand") })
    }
}
