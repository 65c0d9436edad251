//! The usual way: the standard library that the Rust project builds for the target.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use tokio::{process::Command, time::timeout};

use crate::{
    programs::output_of,
    progress::Progress,
    workspace::{self, TARGET},
};

/// If a firewall drops packets to rustup's server, rustup waits and retries for many minutes.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// Whether the machine's compiler has the target's standard library.
pub(super) async fn has_target() -> Result<bool> {
    let mut rustc = Command::new(workspace::rustc());
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(workspace::root());
    let directory = output_of(&mut rustc).await.context("Rust is needed: install it from https://rustup.rs")?;
    Ok(Path::new(directory.trim()).is_dir())
}

/// `rustup target add`, for the toolchain that is in use here.
pub(super) async fn add_target(progress: Progress) -> Result<()> {
    let step = progress.step(&format!("Installing the {TARGET} target (rustup target add {TARGET})"));
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]).current_dir(workspace::root());
    timeout(TIME_LIMIT, output_of(&mut rustup))
        .await
        .with_context(|| format!("`rustup` did not finish within {} s and was stopped", TIME_LIMIT.as_secs()))??;
    step.done(&format!("Installed the {TARGET} target"));
    Ok(())
}
