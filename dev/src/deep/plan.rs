//! How much of the deep check is run.

use std::time::Duration;

use cargo_dev::{
    commands::deep::{Part, Subject},
    progress::Progress,
};

use crate::run::Runner;

/// How much to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// A little of each kind, as in every check.
    Sample,
    /// Everything.
    Whole,
}

/// What to check.
#[derive(Clone, Debug)]
pub struct DeepPlan {
    /// What runs the components.
    pub runner: Runner,
    /// Which of them.
    pub subjects: Vec<Subject>,
    /// How much of the matrix.
    pub scale: Scale,
    /// Which parts. The search for secrets is always run.
    pub parts: Vec<Part>,
    /// Only cells of the matrix whose name contains this.
    pub cells: String,
    /// How long and how many.
    pub soak: SoakPlan,
    /// How progress is shown.
    pub progress: Progress,
}

impl DeepPlan {
    /// All parts for all subjects, at this scale.
    #[must_use]
    pub fn of(runner: Runner, scale: Scale, progress: Progress) -> Self {
        let soak = match scale {
            Scale::Sample => SoakPlan { length: Duration::from_secs(12), connections: 16, people: 200, seed: 1 },
            Scale::Whole => SoakPlan { length: Duration::from_secs(60), connections: 64, people: 10_000, seed: 1 },
        };
        let (subjects, parts) = (Subject::ALL.to_vec(), Part::ALL.to_vec());
        Self { runner, subjects, scale, parts, cells: String::new(), soak, progress }
    }
}

/// How long, how many, and by which seed.
#[derive(Clone, Copy, Debug)]
pub struct SoakPlan {
    /// How long there is load.
    pub length: Duration,
    /// Connections that are kept alive.
    pub connections: u64,
    /// People, each with a token of their own.
    pub people: usize,
    /// The seed of the schedule of calls and faults.
    pub seed: u64,
}
