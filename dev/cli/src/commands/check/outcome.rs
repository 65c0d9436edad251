//! The outcomes of checks.

use std::time::Duration;

use console::style;

/// The outcome of one check.
#[derive(Debug)]
pub(super) enum Outcome {
    Passed(Duration),
    /// With the reason in one line.
    Failed(String),
    Skipped(String),
}

/// The outcomes of several checks, with their names.
#[derive(Debug, Default)]
pub(super) struct Outcomes(Vec<(String, Outcome)>);

impl Outcome {
    /// Prints what the failed check printed.
    pub(super) fn failed(output: &str) -> Self {
        eprintln!("{}", output.trim_end());
        Self::Failed(output.trim_end().lines().next_back().unwrap_or_default().to_owned())
    }
}

impl Outcomes {
    pub(super) fn add(&mut self, name: impl Into<String>, outcome: Outcome) {
        let name = name.into();
        match &outcome {
            Outcome::Passed(_) => {}
            Outcome::Failed(reason) => eprintln!("{} {name}: {reason}", style("failed:").for_stderr().red().bold()),
            Outcome::Skipped(reason) => {
                eprintln!("{} {name}: {reason}", style("skipped:").for_stderr().yellow().bold())
            }
        }
        self.0.push((name, outcome));
    }

    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(super) fn have_failed(&self) -> bool {
        self.0.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)))
    }

    /// Prints all outcomes.
    pub(super) fn summarize(&self) {
        let widest = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        eprintln!();
        for (name, outcome) in &self.0 {
            let (mark, text) = match outcome {
                Outcome::Passed(took) => (style("✓").green(), format!("{} s", took.as_secs())),
                Outcome::Failed(reason) => (style("✗").red(), format!("failed: {reason}")),
                Outcome::Skipped(reason) => (style("-").yellow(), format!("skipped: {reason}")),
            };
            eprintln!("{} {name:widest$}  {text}", mark.for_stderr());
        }
    }
}
