//! Programs that take minutes to build. They are built when a command needs them.

use std::{
    env,
    os::unix::process::CommandExt,
    path::{self, PathBuf},
    process::{Command as BlockingCommand, ExitCode},
};

use anyhow::{Context, Error, Result};
use tokio::{process::Command, sync::OnceCell};

use crate::{cargo_build, component::Component, progress::Progress, runner::Runner, workspace};

/// The variable with the path of the embedded host's program, for programs that run it. Without it, they build it.
pub const EMBEDDED_HOST_VARIABLE: &str = "PROFILE_GET_EMBEDDED_HOST";

/// A program of this workspace that carries out commands of `cargo dev`.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    pub(crate) name: &'static str,
    package: &'static str,
    profile: &'static str,
}

/// Starts hosts and tenants.
pub const HARNESS: Program = Program { name: "harness", package: "profile-get-dev", profile: "dev" };

/// Measures. It is optimised: an unoptimised host would cost so much that the component's share looked small.
pub const BENCH: Program = Program { name: "bench", package: "profile-get-bench", profile: "bench" };

/// What runs the components in Spin's place. It takes longer to build than everything else.
pub(crate) const EMBEDDED_HOST: Program = Program { name: "embedded-host", package: "embedded-host", profile: "dev" };

/// Builds `program` and, at the same time, the `components` that it needs and what runs them, then replaces this process with
/// it. The arguments stay the same.
///
/// # Errors
/// If something does not build, or the program cannot be run.
pub async fn hand_over(
    program: Program,
    runner: Option<Runner>,
    components: &[Component],
    progress: Progress,
) -> Result<ExitCode> {
    let components = async {
        for component in components {
            component.build(progress).await?;
        }
        Ok(())
    };
    let mut programs = vec![program];
    if runner == Some(Runner::Embedded) {
        programs.push(Program { profile: program.profile, ..EMBEDDED_HOST });
    }
    let (files, ()) = tokio::try_join!(build(&programs, progress), components)?;
    let mut files = files.into_iter();
    let file = files.next().context("no program was built")?;
    let mut command = BlockingCommand::new(&file);
    command.args(env::args_os().skip(1)).envs(files.next().map(|host| (EMBEDDED_HOST_VARIABLE, host)));
    Err(Error::new(command.exec()).context(format!("{} cannot be run", file.display())))
}

/// The embedded host's program: the one that was built for this process, or it is built now, as optimised as this process.
///
/// # Errors
/// If it does not build.
pub async fn embedded_host(progress: Progress) -> Result<PathBuf> {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    let build = async {
        if let Some(file) = env::var_os(EMBEDDED_HOST_VARIABLE).filter(|file| !file.is_empty()) {
            // It is run in another folder.
            return Ok(path::absolute(file)?);
        }
        let profile = if cfg!(debug_assertions) { EMBEDDED_HOST.profile } else { BENCH.profile };
        build(&[Program { profile, ..EMBEDDED_HOST }], progress).await?.pop().context("no program was built")
    };
    BUILT.get_or_try_init(|| build).await.cloned()
}

/// Builds `programs`, all of one profile, at the same time. Their files are in the same order.
async fn build(programs: &[Program], progress: Progress) -> Result<Vec<PathBuf>> {
    let names = programs.iter().map(|program| format!("the {}", program.name.replace('-', " ")));
    let names = names.collect::<Vec<_>>().join(" and ");
    let step = progress.step_if_needed(&format!("Building {names}, which takes minutes the first time"));
    let mut cargo = Command::new(workspace::cargo());
    cargo.arg("build").current_dir(workspace::root());
    cargo.args(programs.first().into_iter().flat_map(|program| ["--profile", program.profile]));
    cargo.args(programs.iter().flat_map(|program| ["--package", program.package, "--bin", program.name]));
    let files: Vec<_> = programs.iter().map(|program| program.name).collect();
    let built = cargo_build::build(&names, &files, &mut cargo, progress, &step).await?;
    step.done(&format!("Built {names}"));
    Ok(built)
}
