//! `cargo dev simulate`

use std::process::ExitCode;

use clap::Args;

use crate::simulation::{
    region::Reuse,
    report::{self, CALLS_PER_HOUR},
    scenario::Scenario,
};

/// Simulate a fleet in its busy hour: where Graph tokens come from, which limit is reached first, what a month costs.
///
/// Prints the table of docs/scale.md, or one row for the people given.
#[derive(Args, Debug)]
pub struct Simulate {
    /// How many people call. Without it: the rows of docs/scale.md.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    people: Option<u32>,
    /// How often each of them calls in the busy hour.
    #[arg(long, requires = "people", default_value_t = CALLS_PER_HOUR, value_parser = positive)]
    calls_per_hour: f64,
    /// Regions, each with replicas and a store of its own.
    #[arg(long, requires = "people", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    regions: u32,
    /// Replicas in each region. Default: as many as the autoscaler of deploy/kubernetes starts.
    #[arg(long, requires = "people", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    replicas: Option<u32>,
    /// `token_store_slots`; 0 is no shared store.
    #[arg(long, requires = "people", default_value_t = 65_536, value_parser = clap::value_parser!(u32).range(..=10_000_000))]
    slots: u32,
    /// Spin's default reuse of instances instead of long-lived ones.
    #[arg(long, requires = "people")]
    default_reuse: bool,
}

impl Simulate {
    /// Prints the table.
    pub fn run(&self) -> ExitCode {
        let reuse = if self.default_reuse { Reuse::DEFAULT } else { Reuse::LONG_LIVED };
        let scenarios = match self.people {
            None => report::documented(),
            Some(people) => vec![Scenario {
                people,
                calls_per_hour: self.calls_per_hour,
                regions: self.regions,
                replicas: self.replicas,
                slots: self.slots,
                reuse,
            }],
        };
        print!("{}", report::table(&scenarios));
        ExitCode::SUCCESS
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if (0.01..=3600.0).contains(&number) => Ok(number),
        _ => Err(format!("{text:?} is not a number from 0.01 to 3600")),
    }
}
