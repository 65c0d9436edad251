//! `cargo dev deep`

use clap::{Args, ValueEnum};

/// Attack the API, break everything around it, and search what it leaves behind for secrets.
///
/// Prints the figures as a Markdown table and exits with 1 when anything was wrong. `cargo dev check --deep` includes it.
#[derive(Args, Debug)]
pub struct Deep {
    /// Run the component on the real `spin` instead of the embedded host.
    #[arg(long)]
    pub spin: bool,
    /// A little of each kind only.
    #[arg(long)]
    pub sample: bool,
    /// Only these parts.
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    pub only: Vec<Part>,
    /// Only cells of the matrix with this in their name, such as "vault" or "Graph, 404".
    #[arg(long, value_name = "PART", default_value = "")]
    pub cells: String,
    /// How long the soak lasts.
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<u64>,
    /// Connections of the soak.
    #[arg(long, value_name = "NUMBER")]
    pub connections: Option<u64>,
    /// People in the soak.
    #[arg(long, value_name = "NUMBER")]
    pub people: Option<usize>,
    /// What decides who calls when in the soak, and what breaks.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
}

/// A part of the deep check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Hostile requests and tokens.
    Corpus,
    /// The fault matrix.
    Matrix,
    /// Many people, with faults that come and go.
    Soak,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 3] = [Self::Corpus, Self::Matrix, Self::Soak];
}
