//! Programs that take minutes to build. They are built when a command needs them, and then replace this process.

use std::{
    env,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command as BlockingCommand, ExitCode},
};

use anyhow::{Error, Result};
use tokio::process::Command;

use crate::{cargo_build, component::Component, progress::Progress, workspace};

/// A program of this workspace that carries out commands of `cargo dev`.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    name: &'static str,
    package: &'static str,
    profile: &'static str,
}

/// Starts hosts and tenants.
pub const HARNESS: Program = Program { name: "harness", package: "profile-get-dev", profile: "dev" };

/// Measures. It is optimised: an unoptimised host would cost so much that the component's share looked small.
pub const BENCH: Program = Program { name: "bench", package: "profile-get-bench", profile: "bench" };

/// Builds `program` and, at the same time, the `components` that it needs, then replaces this process with it. The
/// arguments stay the same.
///
/// # Errors
/// If something does not build, or the program cannot be run.
pub async fn hand_over(program: Program, components: &[Component], progress: Progress) -> Result<ExitCode> {
    let components = async {
        for component in components {
            component.build(progress).await?;
        }
        Ok(())
    };
    let (file, ()) = tokio::try_join!(program.build(progress), components)?;
    let failure = BlockingCommand::new(&file).args(env::args_os().skip(1)).exec();
    Err(Error::new(failure).context(format!("{} cannot be run", file.display())))
}

impl Program {
    async fn build(self, progress: Progress) -> Result<PathBuf> {
        let step = progress.step_if_needed(&format!("Building the {}, which takes minutes the first time", self.name));
        let mut cargo = Command::new(workspace::cargo());
        cargo.args(["build", "--profile", self.profile, "--package", self.package, "--bin", self.name]);
        cargo.current_dir(workspace::root());
        let file = cargo_build::build(&format!("the {}", self.name), self.name, &mut cargo, progress, &step).await?;
        step.done(&format!("Built the {}", self.name));
        Ok(file)
    }
}
