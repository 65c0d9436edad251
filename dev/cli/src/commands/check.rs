//! `cargo dev check`

use std::{
    process::{ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::Args;
use console::style;
use tokio::process::Command;

use crate::{
    programs::output_of,
    progress::Progress,
    toolchain::WasmToolchain,
    workspace::{self, TARGET},
};

/// Run everything that continuous integration runs: format, lints, documentation, dependencies, tests.
///
/// Runs all checks even if one fails, lists the outcomes at the end, and exits with 1 if any failed.
#[derive(Args, Debug)]
pub struct Check {
    /// Also fuzz, run the whole deep check, and build the component twice. Takes some minutes more.
    #[arg(long)]
    deep: bool,
}

/// The checks, the quick ones first and the tests last.
///
/// Components and harness are checked apart: in one command, cargo would unify what they ask of their dependencies, and
/// so compile wasmtime once more than `cargo dev` has already.
const STEPS: [Step; 13] = [
    Step::new("format", "fmt --all --check"),
    Step::new("dependencies", "deny --workspace check bans licenses sources").needing("cargo-deny", "deny --version"),
    // Also needs the advisory database, which is downloaded from its repository.
    Step::new("dependencies, advisories", "deny --workspace check advisories").needing("cargo-deny", "deny fetch db"),
    Step::new("components, lints", "clippy {components} --all-targets -- --deny=warnings"),
    Step::new("native host, lints", "clippy --package=entra-obo --features=rustls --all-targets -- --deny=warnings"),
    // In the release profile, this reuses what the components' build has compiled.
    Step::new("components, lints of the Wasm", "clippy {components} --release -- --deny=warnings").for_wasm(),
    Step::new("harness, lints", "clippy {harness} --all-targets -- --deny=warnings"),
    Step::new("components, documentation", "doc {components} --no-deps --document-private-items"),
    Step::new("harness, documentation", "doc {harness} --no-deps --document-private-items"),
    Step::new("components, tests", "test {components}"),
    Step::new("harness and end-to-end tests", "test {harness}"),
    Step::new("end-to-end tests, varied answers over HTTP", END_TO_END_RING)
        .with(&[("PROFILE_GET_WIRE", "http"), ("PROFILE_GET_VARIETY", "1")]),
    Step::new("end-to-end tests, varied answers over TLS", END_TO_END_RING).with(&[("PROFILE_GET_VARIETY", "2")]),
];

/// The tests without faults of upstreams.
const END_TO_END_RING: &str = "test {harness} --test=it -- sunny_day refusals steady_state";

/// Checks that take minutes. Each is also a command of its own.
const DEEP_STEPS: [Step; 4] = [
    Step::new("fuzzing", "dev fuzz --seconds 10"),
    Step::new("attacks, faults, soak, search for secrets", "dev deep"),
    Step::new("two builds of the component", "dev reproduce"),
    Step::new("bill of materials", "dev sbom --output target/profile-get.cdx.json"),
];

const HARNESS: &str = "--package=cargo-dev --package=deployment-manifests --package=embedded-host --package=emulated-tenant --package=profile-get-dev --package=profile-get-bench";
/// All but the harness, so that a new component is checked too.
const COMPONENTS: &str = "--workspace --exclude=cargo-dev --exclude=deployment-manifests --exclude=embedded-host \
                          --exclude=emulated-tenant --exclude=profile-get-dev --exclude=profile-get-bench";

/// One check: a cargo command that fails when something is wrong.
struct Step {
    name: &'static str,
    cargo: &'static str,
    for_wasm: bool,
    /// A program that is not part of Rust, and a cargo command that shows whether it works here. If not, the step is
    /// skipped.
    needs: Option<(&'static str, &'static str)>,
    environment: &'static [(&'static str, &'static str)],
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
    /// If cargo cannot be started.
    pub async fn run(self, progress: Progress) -> Result<ExitCode> {
        let mut outcomes = Vec::new();
        let deep = if self.deep { DEEP_STEPS.as_slice() } else { &[] };
        for step in STEPS.iter().chain(deep) {
            let target = if step.for_wasm { format!(" ({TARGET})") } else { String::new() };
            let heading = style(format!("{}:", step.name)).for_stderr().bold();
            let variables: String = step.environment.iter().map(|(name, value)| format!("{name}={value} ")).collect();
            eprintln!("\n{heading} {variables}cargo {}{target}", step.command_line());
            let outcome = step.run(progress).await?;
            match &outcome {
                Outcome::Passed(_) => {}
                Outcome::Failed(reason) => eprintln!("{} {reason}", style("failed:").for_stderr().red().bold()),
                Outcome::Skipped(reason) => eprintln!("{} {reason}", style("skipped:").for_stderr().yellow().bold()),
            }
            outcomes.push((step.name, outcome));
        }
        if output_of(Command::new("redis-server").arg("--version")).await.is_err() {
            let reason = "redis-server is not installed; the store was a SQLite file".to_owned();
            outcomes.push(("faults of the store", Outcome::Skipped(reason)));
        }
        summarize(&outcomes);
        let failed = outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

impl Step {
    const fn new(name: &'static str, cargo: &'static str) -> Self {
        Self { name, cargo, for_wasm: false, needs: None, environment: &[] }
    }

    const fn for_wasm(mut self) -> Self {
        self.for_wasm = true;
        self
    }

    const fn with(mut self, environment: &'static [(&'static str, &'static str)]) -> Self {
        self.environment = environment;
        self
    }

    const fn needing(mut self, program: &'static str, probe: &'static str) -> Self {
        self.needs = Some((program, probe));
        self
    }

    fn command_line(&self) -> String {
        self.cargo.replace("{components}", COMPONENTS).replace("{harness}", HARNESS)
    }

    async fn run(&self, progress: Progress) -> Result<Outcome> {
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
        let command_line = self.command_line();
        let mut arguments = command_line.split_whitespace();
        let subcommand = arguments.next().context("a check without a command")?;
        let mut command = if self.for_wasm {
            WasmToolchain::provide(progress).await?.cargo(subcommand)?
        } else {
            let mut command = Command::new(workspace::cargo());
            command.arg(subcommand).current_dir(workspace::root());
            command
        };
        command.args(arguments).env("RUSTDOCFLAGS", "--deny=warnings").envs(self.environment.iter().copied());
        Ok(command)
    }
}

fn summarize(outcomes: &[(&str, Outcome)]) {
    let widest = outcomes.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    eprintln!();
    for (name, outcome) in outcomes {
        let (mark, text) = match outcome {
            Outcome::Passed(took) => (style("✓").green(), format!("{} s", took.as_secs())),
            Outcome::Failed(reason) => {
                (style("✗").red(), format!("failed: {}", reason.lines().next().unwrap_or_default()))
            }
            Outcome::Skipped(reason) => (style("-").yellow(), format!("skipped: {reason}")),
        };
        eprintln!("{} {name:widest$}  {text}", mark.for_stderr());
    }
}
