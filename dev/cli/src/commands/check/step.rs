//! One check that is a cargo command.

use std::{process::Stdio, time::Instant};

use anyhow::{Context, Result};
use tokio::process::Command;

use super::{clippy, outcome::Outcome};
use crate::{programs::output_of, progress::Progress, toolchain::WasmToolchain, workspace};

/// All packages but those of the harness, so that a new component is checked, too.
const COMPONENTS: &str = "--workspace --exclude=bench-by-hand --exclude=cargo-dev --exclude=deployment-manifests --exclude=embedded-host \
                          --exclude=emulated-tenant --exclude=harness-features --exclude=host-features --exclude=profile-get-bench --exclude=profile-get-dev \
                          --exclude=shared-features";

/// Tests examples and writes the documentation.
const RUSTDOC: &str = "dev/cli/src/commands/check/rustdoc.sh";

/// The arguments of `nice`, for a tenth of the usual share.
const LOW_PRIORITY: [&str; 2] = ["-n", "10"];

/// A cargo command that fails when something is wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    cargo: &'static str,
    is_for_wasm: bool,
    is_of_compiled_tests: bool,
    /// A program that is not part of Rust, and a cargo command that shows whether it works here. If not, the step is
    /// skipped.
    needs: Option<(&'static str, &'static str)>,
}

impl Step {
    pub(super) const fn new(name: &'static str, cargo: &'static str) -> Self {
        Self { name, cargo, is_for_wasm: false, is_of_compiled_tests: false, needs: None }
    }

    pub(super) const fn for_wasm(mut self) -> Self {
        self.is_for_wasm = true;
        self
    }

    /// For the step that runs while the tests do, on what was compiled for them.
    pub(super) const fn of_compiled_tests(mut self) -> Self {
        self.is_of_compiled_tests = true;
        self
    }

    pub(super) const fn needing(mut self, program: &'static str, probe: &'static str) -> Self {
        self.needs = Some((program, probe));
        self
    }

    /// Runs the command. Its output is shown if it fails.
    ///
    /// # Errors
    /// If cargo cannot be started.
    pub(super) async fn run(&self, progress: Progress) -> Result<Outcome> {
        if let Some((program, probe)) = self.needs {
            if output_of(Command::new(program).arg("--version")).await.is_err() {
                return Ok(Outcome::Skipped(format!("{program} is not installed (cargo install --locked {program})")));
            }
            let mut cargo = Command::new(workspace::cargo());
            cargo.args(probe.split_whitespace()).current_dir(workspace::root());
            if output_of(&mut cargo).await.is_err() {
                return Ok(Outcome::Skipped(format!("`cargo {probe}` fails here")));
            }
        }
        let mut command = match self.command(progress).await {
            Ok(command) => command,
            Err(error) => return Ok(Outcome::failed(&format!("{error:#}"))),
        };
        let step = progress.step(&format!("Checking {}: cargo {}", self.name, self.cargo));
        let started = Instant::now();
        command.stdin(Stdio::null()).kill_on_drop(true);
        if progress.is_verbose() {
            let status = command.status().await.context("cargo could not be started")?;
            return Ok(match status.success() {
                true => Outcome::Passed(started.elapsed()),
                false => Outcome::Failed(format!("cargo ended with {status}")),
            });
        }
        let output = command.output().await.context("cargo could not be started")?;
        if !output.status.success() {
            drop(step);
            let printed = [output.stdout, output.stderr].concat();
            return Ok(Outcome::failed(&String::from_utf8_lossy(&printed)));
        }
        step.done(&format!("Checked {}", self.name));
        Ok(Outcome::Passed(started.elapsed()))
    }

    async fn command(&self, progress: Progress) -> Result<Command> {
        let command_line = self.cargo.replace("{components}", COMPONENTS);
        let mut arguments = command_line.split_whitespace();
        let subcommand = arguments.next().context("a check without a command")?;
        let mut command = if self.is_for_wasm {
            WasmToolchain::provide(progress).await?.cargo(subcommand)?
        } else {
            let is_nice = self.is_of_compiled_tests && output_of(Command::new("nice").arg("true")).await.is_ok();
            let mut command = if is_nice {
                let mut nice = Command::new("nice");
                nice.args(LOW_PRIORITY).arg(workspace::cargo());
                nice
            } else {
                Command::new(workspace::cargo())
            };
            command.arg(subcommand).current_dir(workspace::root());
            command
        };
        command.args(arguments).env("RUSTDOCFLAGS", "--deny=warnings");
        if self.is_of_compiled_tests {
            command.envs(clippy::environment().await.iter().copied()).env("RUSTDOC", workspace::root().join(RUSTDOC));
        }
        if console::colors_enabled_stderr() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        Ok(command)
    }
}
