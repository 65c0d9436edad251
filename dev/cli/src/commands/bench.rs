//! `cargo dev bench`

use std::path::PathBuf;

use clap::Args;

use crate::runner::Runner;

/// Measure what a request costs, and print the figures as Markdown tables.
///
/// Compares the API with a component that only forwards to Graph, in the same host; the component entra, as "gateway" and
/// "sidecar", with a "front" that only forwards; entra-obo as a "native" server with one written by hand; and each with
/// the same job done on Node. Latencies are also those that `wrk` reports, if it is on PATH. Further parts: "RS256"
/// (verification in WebAssembly compared with OpenSSL), "first responses" of fresh processes, "bursts" of calls with one
/// new token, crowds of "new people" with a store and without, the "memory" that remembered people take, "uploads" that
/// reach an app, and the component's "size". Builds an optimised host first. Takes two hours, in which the machine should be otherwise idle.
#[derive(Args, Debug)]
pub struct Bench {
    /// Run the components on the real `spin` (4.1 or newer, on PATH or named by SPIN) instead of the embedded host.
    #[arg(long)]
    pub spin: bool,
    /// Measure one second each, with 1 and 1,000 users and 16 connections, and little of the parts. Takes some minutes.
    #[arg(long)]
    pub quick: bool,
    /// How many users take turns.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = positive)]
    pub users: Vec<usize>,
    /// How many connections are kept alive.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = positive)]
    pub connections: Vec<usize>,
    /// How long each is measured.
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<f64>,
    /// How many fresh processes give a first response, 20 unless `--quick` is given.
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    pub processes: Option<usize>,
    /// How many bursts there are, 20 unless `--quick` is given.
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    pub bursts: Option<usize>,
    /// How many new people come, and are remembered, 3,000 unless `--quick` is given.
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    pub people: Option<usize>,
    /// Only what has this in its name, such as "SQLite", "gateway", "native" or "bursts". Can be repeated.
    #[arg(long, value_name = "PART")]
    pub only: Vec<String>,
    /// The file for the plot of cost against users, an SVG.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// The file for all figures, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl Bench {
    /// What runs the components.
    pub fn runner(&self) -> Runner {
        if self.spin { Runner::RealSpin } else { Runner::Embedded }
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("{text:?} is not a number from 1 up")),
        Ok(number) => Ok(number),
    }
}
