//! Measuring by an optimised build of this program: an unoptimised host would cost so much that whatever a component
//! does seems cheap beside it.

use std::{
    env,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command as BlockingCommand, Stdio},
};

use anyhow::{Context, Error, Result, ensure};
use serde::Deserialize;
use tokio::process::Command;

use crate::{progress::Progress, workspace};

/// Builds this program in cargo's profile `bench` and becomes it, with the same arguments. Returns at once where it is
/// optimised already.
///
/// # Errors
/// When it does not build, or cannot be run.
pub(crate) async fn hand_over_to_optimised(progress: Progress) -> Result<()> {
    if !cfg!(debug_assertions) {
        return Ok(());
    }
    let program = build(progress).await?;
    let failure = BlockingCommand::new(&program).args(env::args_os().skip(1)).exec();
    Err(Error::new(failure).context(format!("{} cannot be run", program.display())))
}

async fn build(progress: Progress) -> Result<PathBuf> {
    let step = progress.step("Building this program optimised, which takes minutes the first time");
    let output = Command::new(workspace::cargo())
        .args(["build", "--profile", "bench", "--package", env!("CARGO_PKG_NAME"), "--bin", "dev"])
        .args(["--quiet", "--message-format=json-render-diagnostics"])
        .current_dir(workspace::root())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("cargo could not be started")?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo ended with {}\n{}", output.status, complaints.trim_end());
    let messages = String::from_utf8_lossy(&output.stdout);
    let program =
        messages.lines().filter_map(|line| serde_json::from_str::<Artifact>(line).ok()?.executable).next_back();
    step.done("Built this program optimised");
    program.context("cargo built no program")
}

/// The message of `cargo --message-format=json` that matters here.
#[derive(Deserialize)]
struct Artifact {
    executable: Option<PathBuf>,
}
