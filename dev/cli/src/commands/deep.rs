//! `cargo dev deep`

use std::fmt;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::runner::Runner;

/// Attack the API and the component `entra`, break everything around them, and search their logs, answers and stores for
/// secrets.
///
/// Prints the figures as a Markdown table and exits with 1 if anything was wrong. `cargo dev check --deep` includes it.
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
    /// Only these subjects.
    #[arg(long, value_name = "SUBJECTS", value_delimiter = ',')]
    pub subjects: Vec<Subject>,
    /// Only cells of the fault matrix whose name contains this, such as "vault" or "Graph, 404".
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
    /// The seed of the soak's schedule of calls and faults.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
}

impl Deep {
    /// What runs the component.
    ///
    /// # Errors
    /// If the environment variable that chooses it is wrong.
    pub fn runner(&self) -> Result<Runner> {
        if self.spin { Ok(Runner::RealSpin) } else { Runner::from_environment() }
    }
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    /// The API.
    Api,
    /// The component `entra` in front of an app.
    Gateway,
    /// The component `entra`, which an app asks.
    Sidecar,
}

impl Subject {
    /// All subjects.
    pub const ALL: [Self; 3] = [Self::Api, Self::Gateway, Self::Sidecar];
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Api => "API",
            Self::Gateway => "gateway",
            Self::Sidecar => "sidecar",
        })
    }
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
