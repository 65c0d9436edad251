//! `cargo dev deep`

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use cargo_dev::{commands::deep::Deep, progress::Progress};

use crate::deep::{self, DeepPlan, Findings, Scale};

/// Checks and prints what was found.
///
/// # Errors
/// If the component does not build, or a host or a tenant does not start.
pub async fn run(arguments: Deep, progress: Progress) -> Result<ExitCode> {
    let runner = arguments.runner()?;
    let scale = if arguments.sample { Scale::Sample } else { Scale::Whole };
    let mut plan = DeepPlan { cells: arguments.cells, ..DeepPlan::of(runner, scale, progress) };
    if !arguments.only.is_empty() {
        plan.parts = arguments.only;
    }
    if !arguments.subjects.is_empty() {
        plan.subjects = arguments.subjects;
    }
    plan.soak.length = arguments.seconds.map_or(plan.soak.length, Duration::from_secs);
    plan.soak.connections = arguments.connections.unwrap_or(plan.soak.connections);
    plan.soak.people = arguments.people.unwrap_or(plan.soak.people);
    plan.soak.seed = arguments.seed.unwrap_or(plan.soak.seed);
    let findings = deep::run(plan).await?;
    print(&findings);
    Ok(if findings.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the table to standard output and the problems to standard error.
fn print(findings: &Findings) {
    println!("{}", findings.figures);
    for skipped in &findings.skipped {
        eprintln!("skipped: {skipped}");
    }
    for problem in &findings.problems {
        eprintln!("wrong: {problem}");
    }
}
