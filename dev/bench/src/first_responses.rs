//! The first response of a fresh process: with nothing in memory and nothing in the store.

use std::time::Duration;

use anyhow::{Context, Result};
use cargo_dev::progress::Progress;
use serde::Serialize;

use super::{
    crowd::Crowd,
    load::{self, Load, Target, milliseconds},
    plan::Plan,
    stage::Stage,
    subject::{Reuse, Store, Subject},
};

pub(super) const NAME: &str = "first responses";
/// The first request of a process does not depend on how long instances live.
const SUBJECT: Subject = Subject::ProfileGet(Reuse::Default, Store::Sqlite);
/// A slower one stalled: the body of a request or response waited for the acknowledgement of its head, which takes
/// 40 ms. Otherwise a first response takes a third of that.
const STALL: Duration = Duration::from_millis(35);

/// The first responses of several processes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct FirstResponses {
    pub(super) processes: u32,
    pub(super) stalled: u32,
    pub(super) p50_ms: f64,
    pub(super) slowest_ms: f64,
}

/// How many people call.
pub(super) const PEOPLE: usize = 1;

/// Starts one process after the other and calls each once.
///
/// # Errors
/// If one does not start, or does not answer with the caller's own profile.
pub(super) async fn measure(stage: &Stage, crowd: &Crowd, plan: &Plan, progress: Progress) -> Result<FirstResponses> {
    let step = progress.step("Measuring first responses");
    let callers = crowd.callers(SUBJECT, PEOPLE);
    let caller = callers.first().context("there are no callers")?;
    let mut load = Load::default();
    for number in 1..=plan.processes {
        step.detail(&format!("process {number} of {}", plan.processes));
        let served = stage.serve(SUBJECT).await?;
        load.add(load::once(&Target::of(served.url(), SUBJECT.path())?, caller).await?);
        served.stop().await;
    }
    let found = FirstResponses::of(&load)?;
    step.done(&format!("Measured first responses: {:.1} ms; {} stalled", found.p50_ms, found.stalled));
    Ok(found)
}

impl FirstResponses {
    fn of(load: &Load) -> Result<Self> {
        Ok(Self {
            processes: load.latencies.len().try_into()?,
            stalled: load.latencies.iter().filter(|latency| **latency >= STALL).count().try_into()?,
            p50_ms: milliseconds(load.percentile(50)),
            slowest_ms: milliseconds(load.percentile(100)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_waited_for_an_acknowledgement_have_stalled() {
        let latencies = [11, 12, 34, 35, 53].map(Duration::from_millis).to_vec();
        let found = FirstResponses::of(&Load { latencies, ..Load::default() }).unwrap();
        assert_eq!((found.processes, found.stalled, found.p50_ms, found.slowest_ms), (5, 2, 34.0, 53.0));
    }
}
