//! `cargo dev bench`

use std::path::PathBuf;

use clap::Args;

/// Measure what a request costs, and print the figures as Markdown tables.
///
/// Compares the API with a component that only forwards to Graph, in the same host, and with the same job done on Node;
/// and RS256 verification in WebAssembly with OpenSSL. Builds an optimised host first. Takes a quarter of an hour, in
/// which the machine should be otherwise idle.
#[derive(Args, Debug)]
pub struct Bench {
    /// Run the components on the real `spin` (4.1 or newer, on PATH or named by SPIN) instead of the embedded host.
    #[arg(long)]
    pub spin: bool,
    /// Measure one second each, with 1 and 1,000 users and 16 connections. Takes about a minute.
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
    /// Only what has this in its name, such as "SQLite", "Node" or "RS256". Can be repeated.
    #[arg(long, value_name = "PART")]
    pub only: Vec<String>,
    /// The file for the plot of cost against users, an SVG.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// The file for all figures, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("{text:?} is not a number from 1 up")),
        Ok(number) => Ok(number),
    }
}
