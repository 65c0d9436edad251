//! What an instance's memory of a person takes.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use cargo_dev::progress::Progress;
use profile_get_dev::usage::Usage;
use serde::Serialize;

use super::{
    crowd::Crowd,
    load::{self, Caller, Target, Until},
    plan::Plan,
    stage::Stage,
    subject::{Reuse, Store, Subject},
};

pub(super) const NAME: &str = "memory";
/// An instance remembers the same without a store, whose own cache would be counted.
const SUBJECT: Subject = Subject::ProfileGet(Reuse::LongLived, Store::Off);
/// Its callers have tokens for Graph.
const GRAPH: Subject = Subject::PassThrough(Reuse::LongLived);
/// How many people call beforehand, so that the process has what it needs whoever calls.
const KNOWN: usize = 200;
/// The limit for all the others, who call one after the other.
const LIMIT: Duration = Duration::from_secs(600);

/// How the server's memory grew.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Memory {
    pub(super) people: usize,
    /// Zero if it did not grow: it grows by pages of 64 KiB.
    pub(super) bytes_per_person: f64,
    /// How many of those a person's Graph token takes, with "Bearer".
    pub(super) token_bytes: f64,
}

/// How many people call.
pub(super) fn people(plan: &Plan) -> usize {
    KNOWN + plan.people
}

/// Lets people call over one connection, so that one instance remembers them all.
///
/// # Errors
/// If the server does not start, or any response is not the caller's own profile.
pub(super) async fn measure(stage: &Stage, crowd: &Crowd, plan: &Plan, progress: Progress) -> Result<Memory> {
    let step = progress.step(&format!("Measuring the memory of {} people", plan.people));
    let served = stage.serve(SUBJECT).await?;
    let target = Target::of(served.url(), SUBJECT.path())?;
    let callers = crowd.callers(SUBJECT, people(plan));
    let (known, others) = callers.split_at_checked(KNOWN).context("there are no callers")?;
    let call = async |callers: &[Caller]| {
        let until = Until { time: Duration::ZERO, requests: callers.len(), limit: LIMIT };
        let load = load::run(&target, &callers.into(), 1, until, &Arc::default()).await?;
        Ok::<_, anyhow::Error>((load.latencies.len(), Usage::of_tree(served.process_id())?.memory))
    };
    let (_, before) = call(known).await?;
    let (called, after) = call(others).await?;
    served.stop().await;
    let grown = u32::try_from(after.saturating_sub(before)).context("the memory grew by more than 4 GB")?;
    let tokens = crowd.callers(GRAPH, people(plan));
    let tokens: usize = tokens.iter().skip(KNOWN).map(|caller| caller.authorization().len()).sum();
    let each = |bytes: u32| Ok::<_, anyhow::Error>(f64::from(bytes) / f64::from(u32::try_from(called)?.max(1)));
    let found = Memory { people: called, bytes_per_person: each(grown)?, token_bytes: each(tokens.try_into()?)? };
    step.done(&format!("Measured the memory of {called} people: {:.0} bytes each", found.bytes_per_person));
    Ok(found)
}
