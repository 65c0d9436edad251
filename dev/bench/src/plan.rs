//! What to measure.

use std::{path::PathBuf, thread, time::Duration};

use anyhow::{Result, ensure};
use cargo_dev::{commands::bench::Bench, workspace};
use profile_get_dev::run::Runner;

/// How much to measure, and where the results go.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) runner: Runner,
    /// Numbers of users, each with a token of their own.
    pub(super) users: Vec<usize>,
    /// Numbers of connections that are kept alive.
    pub(super) connections: Vec<usize>,
    /// How long each is measured.
    pub(super) measured: Duration,
    /// The minimum time of load before that, in which everyone calls.
    pub(super) warm_up: Duration,
    /// How many times each signature verification is measured. The shortest time counts, because other load on the machine can
    /// only lengthen it.
    pub(super) turns: usize,
    /// How many fresh processes give a first response.
    pub(super) processes: usize,
    /// How many bursts of calls with one new token there are.
    pub(super) bursts: usize,
    /// How many new people come at once, and are remembered.
    pub(super) people: usize,
    /// Measure only what has one of these in its name; if empty, everything.
    pub(super) only: Vec<String>,
    /// The file for the plot.
    pub(super) plot: PathBuf,
    /// The file for all figures, as JSON.
    pub(super) json: Option<PathBuf>,
}

impl Plan {
    pub(super) fn of(arguments: &Bench) -> Result<Self> {
        let (users, connections, seconds, warm_up): (&[usize], &[usize], f64, f64) = match arguments.quick {
            true => (&[1, 1_000], &[16], 1.0, 0.5),
            false => (&[1, 100, 1_000, 10_000], &[16, 64], 4.0, 1.5),
        };
        let (turns, processes, bursts, people) = if arguments.quick { (1, 5, 5, 500) } else { (4, 20, 20, 3_000) };
        let seconds = arguments.seconds.unwrap_or(seconds);
        ensure!((0.1..=3600.0).contains(&seconds), "--seconds must be from 0.1 to 3600");
        Ok(Self {
            runner: arguments.runner(),
            users: given_or(&arguments.users, users),
            connections: given_or(&arguments.connections, connections),
            measured: Duration::from_secs_f64(seconds),
            warm_up: Duration::from_secs_f64(warm_up.min(seconds)),
            turns,
            processes: arguments.processes.unwrap_or(processes),
            bursts: arguments.bursts.unwrap_or(bursts),
            people: arguments.people.unwrap_or(people),
            only: arguments.only.clone(),
            plot: arguments.plot.clone().unwrap_or_else(|| workspace::target().join("bench/cost.svg")),
            json: arguments.json.clone(),
        })
    }

    pub(super) fn is_wanted(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part))
    }

    pub(super) fn circumstances(&self) -> String {
        let host = match self.runner {
            Runner::Embedded => "the embedded host",
            Runner::RealSpin => "the real Spin",
        };
        let processors = thread::available_parallelism().map_or(1, usize::from);
        format!(
            "Components on {host}; load, tenant and server share {processors} processors ({}, {}). Users take turns, \
             each with a token of their own; {:.0} s for each row. CPU and memory are those of the server alone.",
            std::env::consts::OS,
            std::env::consts::ARCH,
            self.measured.as_secs_f64(),
        )
    }
}

fn given_or(given: &[usize], default: &[usize]) -> Vec<usize> {
    if given.is_empty() { default.to_vec() } else { given.to_vec() }
}
