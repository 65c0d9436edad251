//! The test programs of the workspace, run at the same time where they do not disturb each other.

use std::{path::PathBuf, process::Stdio, time::Instant};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::process::Command;

use super::{
    clippy,
    outcome::{Outcome, Outcomes},
};
use crate::{
    cargo_build::{self, Artifact},
    handover::{EMBEDDED_HOST, EMBEDDED_HOST_VARIABLE},
    progress::Progress,
    workspace,
};

/// How many programs run at once. Many tests wait for time limits; more programs at once would make others miss theirs.
const AT_ONCE: usize = 2;

/// Its requests have deadlines on a machine that has nothing else to do.
const ALONE: &str = "deep";

/// The end-to-end tests without faults of upstreams, with a tenant that varies its responses.
const VARIED: [(&str, &[(&str, &str)]); 2] = [
    ("end-to-end tests, varied responses over HTTP", &[("PROFILE_GET_WIRE", "http"), ("PROFILE_GET_VARIETY", "1")]),
    ("end-to-end tests, varied responses over TLS", &[("PROFILE_GET_VARIETY", "2")]),
];
const VARIED_TESTS: [&str; 3] = ["sunny_day", "refusals", "steady_state"];

/// Programs that tests of other packages run, and the variables with their paths. Without these, the tests would build them,
/// and compile much of the workspace again, since here clippy compiled it.
const NATIVE_SERVER: &str = "axum";
const NATIVE_SERVER_VARIABLE: &str = "PROFILE_GET_NATIVE_SERVER";
const BY_HAND: &str = "bench-by-hand";
const BY_HAND_VARIABLE: &str = "PROFILE_GET_SERVER_BY_HAND";

/// The whole workspace, with the example that needs a feature, so that cargo compiles each dependency once. A selection of
/// `entra-obo` alone would compile half of them again, with other features.
const WORKSPACE: [&str; 2] = ["--workspace", "--features=entra-obo/rustls"];

/// All test programs of the workspace.
#[derive(Debug)]
pub(super) struct TestPrograms {
    programs: Vec<TestProgram>,
    /// The variables, and their values.
    servers: [(&'static str, PathBuf); 3],
}

/// A run of a program.
#[derive(Clone, Debug)]
struct TestProgram {
    name: String,
    executable: PathBuf,
    /// The package's folder.
    folder: PathBuf,
    filters: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

impl TestPrograms {
    /// Compiles them, and returns the outcome of the lints, too.
    ///
    /// # Errors
    /// If one does not compile.
    pub(super) async fn compile(progress: Progress) -> Result<(Self, Outcome)> {
        let step = progress.step("Compiling the tests, with lints");
        let (started, environment) = (Instant::now(), clippy::environment().await);
        let cargo = |subcommand, targets| {
            let mut cargo = Command::new(workspace::cargo());
            cargo.arg(subcommand).args(WORKSPACE).arg(targets).current_dir(workspace::root());
            cargo.envs(environment.iter().copied());
            cargo
        };
        let mut artifacts = Vec::new();
        let mut warnings = Vec::new();
        // The second builds programs that have no tests which run them.
        for mut cargo in [cargo("test", "--no-run"), cargo("build", "--bins")] {
            let collect = |artifact| artifacts.push(artifact);
            warnings.extend(cargo_build::run("the tests", &mut cargo, progress, &step, collect).await?);
        }
        let server = |name: &str| {
            let programs = artifacts.iter().filter(|artifact| artifact.target.name == name && !artifact.profile.test);
            let executable = programs.filter_map(|artifact| artifact.executable.clone()).next();
            executable.with_context(|| format!("there is no program {name}"))
        };
        let servers = [
            (NATIVE_SERVER_VARIABLE, server(NATIVE_SERVER)?),
            (BY_HAND_VARIABLE, server(BY_HAND)?),
            (EMBEDDED_HOST_VARIABLE, server(EMBEDDED_HOST.name)?),
        ];
        let mut programs: Vec<_> = artifacts.into_iter().filter_map(TestProgram::of).collect();
        step.done("Compiled the tests, with lints");
        let end_to_end = workspace::root().join("dev");
        let end_to_end = programs.iter().find(|program| program.folder == end_to_end && program.is_called("it"));
        let end_to_end = end_to_end.context("there are no end-to-end tests")?.clone();
        for (name, environment) in VARIED {
            let name = name.to_owned();
            programs.push(TestProgram { name, environment, filters: &VARIED_TESTS, ..end_to_end.clone() });
        }
        // What takes longest is started first, so that nothing waits for it alone in the end.
        programs.sort_by_key(|program| program.executable != end_to_end.executable);
        Ok((Self { programs, servers }, clippy::outcome(environment, &warnings, started)))
    }

    /// Runs all but those that need the machine for themselves, and prints the output of those that fail.
    ///
    /// # Errors
    /// If one cannot be started.
    pub(super) async fn run_together(&self, progress: Progress) -> Result<Outcomes> {
        self.run(AT_ONCE, |program| !program.is_called(ALONE), progress).await
    }

    /// Runs the others, one after the other.
    ///
    /// # Errors
    /// If one cannot be started.
    pub(super) async fn run_alone(&self, progress: Progress) -> Result<Outcomes> {
        self.run(1, |program| program.is_called(ALONE), progress).await
    }

    async fn run(
        &self,
        at_once: usize,
        is_chosen: impl Fn(&TestProgram) -> bool,
        progress: Progress,
    ) -> Result<Outcomes> {
        let chosen: Vec<_> = self.programs.iter().filter(|program| is_chosen(program)).collect();
        let count = |number| if number == 1 { "1 test program".to_owned() } else { format!("{number} test programs") };
        let step = progress.step(&format!("Running {}", count(chosen.len())));
        let started = Instant::now();
        let mut passed = 0_usize;
        let mut others = Vec::new();
        let mut runs =
            stream::iter(chosen.into_iter().map(|program| program.run(&self.servers))).buffer_unordered(at_once);
        while let Some((name, outcome)) = runs.try_next().await? {
            match outcome {
                Outcome::Passed(_) => passed += 1,
                outcome => others.push((name, outcome)),
            }
            step.detail(&format!("{} finished", passed + others.len()));
        }
        step.done("Ran the test programs");
        let mut outcomes = Outcomes::default();
        outcomes.add(count(passed), Outcome::Passed(started.elapsed()));
        for (name, outcome) in others {
            outcomes.add(name, outcome);
        }
        Ok(outcomes)
    }
}

impl TestProgram {
    fn of(artifact: Artifact) -> Option<Self> {
        let folder = artifact.manifest_path.parent()?.to_owned();
        let package = folder.strip_prefix(workspace::root()).ok()?.display().to_string();
        let executable = artifact.executable.filter(|_| artifact.profile.test)?;
        let name = format!("{} {}", if package.is_empty() { "." } else { &package }, artifact.target.name);
        Some(Self { name, executable, folder, filters: &[], environment: &[] })
    }

    fn is_called(&self, target: &str) -> bool {
        self.name.rsplit(' ').next() == Some(target)
    }

    async fn run(&self, servers: &[(&str, PathBuf)]) -> Result<(String, Outcome)> {
        let started = Instant::now();
        let output = Command::new(&self.executable)
            .args(self.filters)
            .envs(self.environment.iter().copied())
            .envs(servers.iter().map(|(variable, server)| (variable, server)))
            .env("CARGO", workspace::cargo())
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("{} could not be started", self.executable.display()))?;
        let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let outcome = match output.status.success() {
            true => Outcome::Passed(started.elapsed()),
            false => Outcome::failed(&printed),
        };
        Ok((self.name.clone(), outcome))
    }
}
