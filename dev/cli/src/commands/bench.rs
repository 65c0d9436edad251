//! `cargo dev bench`

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Result, ensure};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    bench::{self, Plan},
    progress::Progress,
    server::Runner,
    workspace,
};

/// What a shell reports for a program that was ended before it did its work.
const INTERRUPTED: u8 = 130;

/// Measure what a request costs, and print the figures as Markdown tables.
///
/// Compares the API with a component that only forwards to Graph, in the same host, and with the same job done on Node;
/// and RS256 verification in WebAssembly with OpenSSL. Builds itself optimised first. Takes a quarter of an hour;
/// the machine should have nothing else to do.
#[derive(Args, Debug)]
pub struct Bench {
    /// Run the components on the real `spin` (4.1 or newer; the one on PATH, or the program that SPIN names) instead of
    /// the embedded host.
    #[arg(long)]
    spin: bool,
    /// Measure a second each, with 1 and 1,000 users and 16 connections: about a minute.
    #[arg(long)]
    quick: bool,
    /// How many users take turns.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = positive)]
    users: Vec<usize>,
    /// How many connections are kept alive.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = positive)]
    connections: Vec<usize>,
    /// How long each is measured.
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Only what has this in its name, such as "SQLite", "Node" or "RS256"; may be given more than once.
    #[arg(long, value_name = "PART")]
    only: Vec<String>,
    /// Where the plot of cost against users goes, an SVG.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Where all figures go, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure with this build, optimised or not: for tests of the measurement itself.
    #[arg(long, hide = true)]
    as_built: bool,
}

impl Bench {
    /// Measures and prints the tables.
    ///
    /// # Errors
    /// When something does not build or start, or answers a request wrongly while it is measured.
    pub async fn run(self, progress: Progress) -> Result<ExitCode> {
        let plan = self.plan()?;
        if !self.as_built {
            bench::hand_over_to_optimised(progress).await?;
        }
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let tables = tokio::select! {
            tables = bench::run(&plan, progress) => tables?,
            // Dropping what was under way ends the servers too.
            _ = interrupt.recv() => return Ok(ExitCode::from(INTERRUPTED)),
            _ = terminate.recv() => return Ok(ExitCode::from(INTERRUPTED)),
        };
        println!("{tables}");
        Ok(ExitCode::SUCCESS)
    }

    fn plan(&self) -> Result<Plan> {
        let (users, connections, seconds, warm_up): (&[usize], &[usize], f64, f64) = match self.quick {
            true => (&[1, 1_000], &[16], 1.0, 0.5),
            false => (&[1, 100, 1_000, 10_000], &[16, 64], 4.0, 1.5),
        };
        let seconds = self.seconds.unwrap_or(seconds);
        ensure!((0.1..=3600.0).contains(&seconds), "--seconds must be from 0.1 to 3600");
        Ok(Plan {
            runner: if self.spin { Runner::RealSpin } else { Runner::Embedded },
            users: given_or(&self.users, users),
            connections: given_or(&self.connections, connections),
            measured: Duration::from_secs_f64(seconds),
            warm_up: Duration::from_secs_f64(warm_up.min(seconds)),
            only: self.only.clone(),
            plot: self.plot.clone().unwrap_or_else(|| workspace::target().join("bench/cost.svg")),
            json: self.json.clone(),
        })
    }
}

fn given_or(given: &[usize], default: &[usize]) -> Vec<usize> {
    if given.is_empty() { default.to_vec() } else { given.to_vec() }
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("{text:?} is not a number from 1 up")),
        Ok(number) => Ok(number),
    }
}
