//! Crowds of new people: what their exchanges cost those who wait, with a store and without.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use cargo_dev::progress::Progress;
use serde::Serialize;

use super::{
    crowd::Crowd,
    load::{self, Caller, Load, Target, Until, milliseconds},
    plan::Plan,
    stage::{Served, Stage},
    subject::{Reuse, Store, Subject},
};

pub(super) const NAME: &str = "new people";
pub(super) const CONNECTIONS: usize = 16;
const REUSES: [Reuse; 2] = [Reuse::LongLived, Reuse::Default];
/// The others only for comparison: the goal is for the file, which each `spin up` has.
const STORES: [Store; 4] = [Store::Off, Store::Sqlite, Store::Memory, Store::Redis];
/// How many people call beforehand, so that the server has started its instances.
const KNOWN: usize = 16;
/// How many new people call before the other server's turn. They take less time than Spin keeps an idle instance by
/// default.
const SLICE: usize = 250;
/// The limit for one slice.
const LIMIT: Duration = Duration::from_secs(120);

/// How long new people waited for their first response.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct NewPeople {
    pub(super) subject: Subject,
    pub(super) people: usize,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

/// How many people call: each new one once, on every server.
pub(super) fn people(plan: &Plan) -> usize {
    KNOWN + plan.people
}

/// All subjects.
pub(super) fn subjects() -> Vec<Subject> {
    REUSES.into_iter().flat_map(|reuse| STORES.map(|store| Subject::ProfileGet(reuse, store))).collect()
}

/// Measures servers with each store and without in turns, so that other load on the machine affects both equally.
///
/// # Errors
/// If a server does not start, or any response is not the caller's own profile.
pub(super) async fn measure(stage: &Stage, crowd: &Crowd, plan: &Plan, progress: Progress) -> Result<Vec<NewPeople>> {
    let mut found = Vec::new();
    for reuse in REUSES {
        let step = progress.step(&format!("Measuring new people, {}", reuse.word()));
        let mut doors = Vec::new();
        for subject in STORES.map(|store| Subject::ProfileGet(reuse, store)) {
            if stage.can_serve(subject) {
                doors.push(Door::open(stage, crowd, plan, subject).await?);
            }
        }
        for number in 0..plan.people.div_ceil(SLICE) {
            for door in &mut doors {
                door.admit(number).await?;
            }
        }
        let measured: Vec<NewPeople> = doors.iter().map(Door::found).collect();
        for door in doors {
            door.served.stop().await;
        }
        let figures: Vec<String> = measured.iter().map(|found| format!("p99 {:.1} ms", found.p99_ms)).collect();
        step.done(&format!("Measured new people, {}: {}", reuse.word(), figures.join("; ")));
        found.extend(measured);
    }
    Ok(found)
}

/// A server, and the people whom it has not seen.
struct Door {
    subject: Subject,
    served: Served,
    target: Target,
    slices: Vec<Arc<[Caller]>>,
    load: Load,
}

impl Door {
    async fn open(stage: &Stage, crowd: &Crowd, plan: &Plan, subject: Subject) -> Result<Self> {
        let served = stage.serve(subject).await?;
        let target = Target::of(served.url(), subject.path())?;
        let callers = crowd.callers(subject, people(plan));
        let (known, new) = callers.split_at_checked(KNOWN).context("there are no callers")?;
        let until = Until { time: plan.warm_up, requests: KNOWN, limit: LIMIT };
        load::run(&target, &known.into(), CONNECTIONS, until, &Arc::default()).await?;
        Ok(Self { subject, served, target, slices: new.chunks(SLICE).map(Arc::from).collect(), load: Load::default() })
    }

    async fn admit(&mut self, number: usize) -> Result<()> {
        let slice = self.slices.get(number).context("there are no more callers")?;
        let until = Until { time: Duration::ZERO, requests: slice.len(), limit: LIMIT };
        self.load.add(load::run(&self.target, slice, CONNECTIONS, until, &Arc::default()).await?);
        Ok(())
    }

    fn found(&self) -> NewPeople {
        NewPeople {
            subject: self.subject,
            people: self.load.latencies.len(),
            p50_ms: milliseconds(self.load.percentile(50)),
            p99_ms: milliseconds(self.load.percentile(99)),
        }
    }
}
