//! `cargo dev check`

use std::{
    process::{ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::Args;
use console::style;
use tokio::process::Command;

use crate::{captured::output_of, progress::Progress, toolchain::WasmToolchain, workspace};

/// Run everything that the continuous integration runs: format, lints, documentation, dependencies, tests.
///
/// Runs all checks even when one fails, lists the outcomes at the end, and exits with 1 when any failed.
#[derive(Args, Debug)]
pub struct Check {}

/// In this order: the quick ones first, the tests last.
const CHECKS: [Step; 6] = [
    Step { name: "format", cargo: &["fmt", "--all", "--check"], compiler: Compiler::Machine, tool: None },
    Step {
        name: "dependencies",
        cargo: &["deny", "--workspace", "check"],
        compiler: Compiler::Machine,
        tool: Some(("deny", "cargo install --locked cargo-deny")),
    },
    Step {
        name: "lints",
        cargo: &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
        compiler: Compiler::Machine,
        tool: None,
    },
    Step {
        name: "lints of the component",
        cargo: &["clippy", "--release", "--package", "profile-get", "--", "-D", "warnings"],
        compiler: Compiler::WebAssembly,
        tool: None,
    },
    Step {
        name: "documentation",
        cargo: &["doc", "--workspace", "--no-deps", "--document-private-items"],
        compiler: Compiler::Machine,
        tool: None,
    },
    Step { name: "tests", cargo: &["test", "--workspace"], compiler: Compiler::Machine, tool: None },
];

/// One check: a cargo command that fails when something is wrong.
struct Step {
    name: &'static str,
    cargo: &'static [&'static str],
    compiler: Compiler,
    /// A subcommand that is not part of Rust, and how to install it: the check is skipped where it is missing.
    tool: Option<(&'static str, &'static str)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Compiler {
    Machine,
    WebAssembly,
}

enum Outcome {
    Passed(Duration),
    Failed(String),
    Skipped(String),
}

impl Check {
    /// Runs the checks and prints the outcomes.
    ///
    /// # Errors
    /// When cargo cannot be started.
    pub async fn run(self, progress: Progress) -> Result<ExitCode> {
        let mut outcomes = Vec::new();
        for check in &CHECKS {
            eprintln!("\n{} cargo {}", style(format!("{}:", check.name)).for_stderr().bold(), check.cargo.join(" "));
            let outcome = check.run(progress).await?;
            if let Outcome::Failed(reason) = &outcome {
                eprintln!("{} {reason}", style("failed:").for_stderr().red().bold());
            }
            outcomes.push((check.name, outcome));
        }
        summarize(&outcomes);
        let failed = outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

impl Step {
    async fn run(&self, progress: Progress) -> Result<Outcome> {
        if let Some((subcommand, install)) = self.tool {
            let installed = output_of(Command::new(workspace::cargo()).args([subcommand, "--version"])).await;
            if installed.is_err() {
                return Ok(Outcome::Skipped(format!("cargo {subcommand} is not installed ({install})")));
            }
        }
        let mut command = match self.command(progress).await {
            Ok(command) => command,
            Err(error) => return Ok(Outcome::Failed(format!("{error:#}"))),
        };
        let started = Instant::now();
        let status = command.stdin(Stdio::null()).kill_on_drop(true).status().await;
        let status = status.context("cargo could not be started")?;
        Ok(if status.success() {
            Outcome::Passed(started.elapsed())
        } else {
            Outcome::Failed(format!("cargo ended with {status}"))
        })
    }

    async fn command(&self, progress: Progress) -> Result<Command> {
        let (&subcommand, arguments) = self.cargo.split_first().context("a check without a command")?;
        let mut command = match self.compiler {
            Compiler::WebAssembly => WasmToolchain::provide(progress).await?.cargo(subcommand)?,
            Compiler::Machine => {
                let mut command = Command::new(workspace::cargo());
                command.arg(subcommand).current_dir(workspace::root());
                command
            }
        };
        command.args(arguments).env("RUSTDOCFLAGS", "-D warnings");
        Ok(command)
    }
}

fn summarize(outcomes: &[(&str, Outcome)]) {
    let widest = outcomes.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    eprintln!();
    for (name, outcome) in outcomes {
        let (mark, text) = match outcome {
            Outcome::Passed(took) => (style("✓").green(), format!("{} s", took.as_secs())),
            Outcome::Failed(reason) => (style("✗").red(), format!("failed: {}", reason.lines().next().unwrap_or_default())),
            Outcome::Skipped(reason) => (style("-").yellow(), format!("skipped: {reason}")),
        };
        eprintln!("{} {name:widest$}  {text}", mark.for_stderr());
    }
}
