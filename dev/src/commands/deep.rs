//! `cargo dev deep`

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use clap::Args;

use crate::{
    deep::{self, DeepPlan, Findings, Part, Scale},
    progress::Progress,
    server::Runner,
};

/// Attack the API, break everything around it, and search what it leaves behind for secrets.
///
/// Prints the figures as a Markdown table and exits with 1 when anything was wrong. `cargo dev check --deep` includes it.
#[derive(Args, Debug)]
pub struct Deep {
    /// Run the component on the real `spin` instead of the embedded host.
    #[arg(long)]
    spin: bool,
    /// A little of each kind only.
    #[arg(long)]
    sample: bool,
    /// Only these parts.
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    only: Vec<Part>,
    /// Only cells of the matrix with this in their name, such as "vault" or "Graph, 404".
    #[arg(long, value_name = "PART", default_value = "")]
    cells: String,
    /// How long the soak lasts.
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// Connections of the soak.
    #[arg(long, value_name = "NUMBER")]
    connections: Option<u64>,
    /// People in the soak.
    #[arg(long, value_name = "NUMBER")]
    people: Option<usize>,
    /// What decides who calls when in the soak, and what breaks.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

impl Deep {
    /// Checks and prints what was found.
    ///
    /// # Errors
    /// When the component does not build, or a host or a tenant does not start.
    pub async fn run(self, progress: Progress) -> Result<ExitCode> {
        let runner = if self.spin { Runner::RealSpin } else { Runner::from_environment()? };
        let scale = if self.sample { Scale::Sample } else { Scale::Whole };
        let mut plan = DeepPlan { cells: self.cells, ..DeepPlan::of(runner, scale, progress) };
        if !self.only.is_empty() {
            plan.parts = self.only;
        }
        plan.soak.length = self.seconds.map_or(plan.soak.length, Duration::from_secs);
        plan.soak.connections = self.connections.unwrap_or(plan.soak.connections);
        plan.soak.people = self.people.unwrap_or(plan.soak.people);
        plan.soak.seed = self.seed.unwrap_or(plan.soak.seed);
        let findings = deep::run(plan).await?;
        print(&findings);
        Ok(if findings.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The table to standard output, and what is wrong to standard error.
fn print(findings: &Findings) {
    println!("{}", findings.figures);
    for skipped in &findings.skipped {
        eprintln!("skipped: {skipped}");
    }
    for problem in &findings.problems {
        eprintln!("wrong: {problem}");
    }
}
