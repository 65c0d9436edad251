//! Simultaneous calls with one new token, as a page makes them when it opens.

use std::time::Duration;

use anyhow::{Context, Result};
use cargo_dev::progress::Progress;
use serde::Serialize;
use tokio::time::sleep;

use super::{
    crowd::Crowd,
    load::{self, Load, Target, milliseconds},
    plan::Plan,
    stage::Stage,
    subject::{Reuse, Store, Subject},
};

pub(super) const NAME: &str = "bursts";
/// How many calls each burst has.
pub(super) const CALLS: usize = 16;
pub(super) const SUBJECTS: [Subject; 4] = [
    Subject::ProfileGet(Reuse::LongLived, Store::Sqlite),
    Subject::ProfileGet(Reuse::Default, Store::Sqlite),
    Subject::ProfileGet(Reuse::LongLived, Store::Redis),
    Subject::ProfileGet(Reuse::Default, Store::Redis),
];
/// Between bursts, so that what the last one left to do in the background is done.
const PAUSE: Duration = Duration::from_millis(100);

/// The exchanges that bursts caused.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Bursts {
    pub(super) subject: Subject,
    /// How many processes share the store.
    pub(super) hosts: usize,
    pub(super) bursts: usize,
    /// In one burst, on average.
    pub(super) exchanges: f64,
    /// In one burst, at the most.
    pub(super) most_exchanges: u32,
    pub(super) p50_ms: f64,
    pub(super) slowest_ms: f64,
}

/// How many people call: a person for each burst, and one before them.
pub(super) fn people(plan: &Plan) -> usize {
    plan.bursts + 1
}

/// Measures one burst after the other.
///
/// # Errors
/// If a server does not start, or any response is not the caller's own profile.
pub(super) async fn measure(stage: &Stage, crowd: &Crowd, plan: &Plan, progress: Progress) -> Result<Vec<Bursts>> {
    let mut found = Vec::new();
    for subject in SUBJECTS.into_iter().filter(|subject| stage.can_serve(*subject)) {
        let step = progress.step(&format!("Measuring bursts, {subject}"));
        let bursts = measure_one(stage, crowd, plan, subject).await.with_context(|| format!("{NAME}, {subject}"))?;
        step.done(&format!("Measured bursts, {subject}: {:.1} exchanges for {CALLS} calls", bursts.exchanges));
        found.push(bursts);
    }
    Ok(found)
}

async fn measure_one(stage: &Stage, crowd: &Crowd, plan: &Plan, subject: Subject) -> Result<Bursts> {
    let served = stage.serve_together(subject, hosts(subject)).await?;
    let targets = served.iter().map(|served| Target::of(served.url(), subject.path())).collect::<Result<Vec<_>>>()?;
    let callers = crowd.callers(subject, people(plan));
    let (known, new) = callers.split_first().context("there are no callers")?;
    for target in &targets {
        load::once(target, known).await?;
    }
    let (mut exchanges, mut load) = (Vec::with_capacity(new.len()), Load::default());
    for caller in new {
        sleep(PAUSE).await;
        let before = stage.tenant.exchanges();
        load.add(load::burst(&targets, caller, CALLS).await?);
        exchanges.push(u32::try_from(stage.tenant.exchanges() - before)?);
    }
    for served in served {
        served.stop().await;
    }
    Ok(Bursts {
        subject,
        hosts: targets.len(),
        bursts: exchanges.len(),
        exchanges: mean(&exchanges)?,
        most_exchanges: exchanges.into_iter().max().unwrap_or_default(),
        p50_ms: milliseconds(load.percentile(50)),
        slowest_ms: milliseconds(load.percentile(100)),
    })
}

/// Spin's own store belongs to one process; Redis is for several.
fn hosts(subject: Subject) -> usize {
    if subject.store() == Some(Store::Redis) { 2 } else { 1 }
}

fn mean(numbers: &[u32]) -> Result<f64> {
    let count = u32::try_from(numbers.len())?;
    Ok(f64::from(numbers.iter().sum::<u32>()) / f64::from(count.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_nothing_is_zero() {
        assert_eq!((mean(&[1, 2]).unwrap(), mean(&[]).unwrap()), (1.5, 0.0));
    }
}
