//! The figures of one server under one number of users.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use anyhow::{Context, Result};
use emulated_tenant::Tenant;
use profile_get_dev::usage::Usage;
use serde::Serialize;

use super::{
    crowd::Crowd,
    load::{self, Caller, Load, Target, Until, milliseconds},
    plan::Plan,
    stage::{Served, Stage},
    subject::Subject,
    wrk::WrkLatencies,
};

/// The limit for the first round, in which everyone calls once. It fills the caches of the process and the store.
const FIRST_ROUND_LIMIT: Duration = Duration::from_secs(120);
/// The limit for further rounds, which fill the caches of all instances. With 10,000 people this takes minutes.
const FURTHER_ROUNDS_LIMIT: Duration = Duration::from_secs(300);

/// How long one server is measured before the other's turn. Shorter than Spin keeps an idle instance by default.
const SLICE: Duration = Duration::from_millis(500);

/// The figures at one number of users and connections.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Measurement {
    pub(super) subject: Subject,
    pub(super) users: usize,
    pub(super) connections: usize,
    pub(super) requests: u32,
    pub(super) requests_per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// Responses that arrived in two pieces, with a gap between them.
    pub(super) in_pieces: u32,
    /// The latencies that `wrk` reports for the same users, connections and time.
    pub(super) by_wrk: Option<WrkLatencies>,
    /// Of the server's process and its children only.
    pub(super) cpu_us_per_request: f64,
    /// Of the baseline, measured in turns with it.
    pub(super) floor_cpu_us_per_request: Option<f64>,
    /// Of the server's process and its children, since they started.
    pub(super) peak_memory_mb: f64,
    /// Calls to the tenant for each request, by endpoint.
    pub(super) upstream_calls: BTreeMap<String, f64>,
    /// The first request that the server answered after it had started.
    pub(super) first_request_ms: f64,
}

impl Measurement {
    /// CPU per request divided by that of the baseline.
    pub(super) fn cpu_over_floor(&self) -> Option<f64> {
        self.floor_cpu_us_per_request.map(|floor| self.cpu_us_per_request / floor)
    }

    /// The 99th percentile of the latency divided by the median, as `wrk` reports them.
    pub(super) fn spread_by_wrk(&self) -> Option<f64> {
        self.by_wrk.map(|found| found.p99_ms / found.p50_ms)
    }

    /// Microseconds of CPU per request more than the baseline.
    pub(super) fn cpu_us_over_floor(&self) -> Option<f64> {
        self.floor_cpu_us_per_request.map(|floor| self.cpu_us_per_request - floor)
    }

    /// All calls to the tenant for each request.
    pub(super) fn calls(&self) -> f64 {
        // The sum of nothing is a negative zero.
        self.upstream_calls.values().sum::<f64>() + 0.0
    }

    /// A summary for the progress output.
    pub(super) fn in_short(&self) -> String {
        let Self { cpu_us_per_request, requests_per_second, connections, .. } = self;
        format!("{cpu_us_per_request:.0} µs of CPU, {requests_per_second:.0} requests/s over {connections} connections")
    }
}

/// Measures `subject` on a server of its own, with each number of connections. Its baseline is measured at the same
/// time: they take turns of one [`SLICE`], so that other load on the machine affects both equally.
pub(super) async fn measure(
    stage: &Stage,
    crowd: &Crowd,
    plan: &Plan,
    subject: Subject,
    users: usize,
) -> Result<Vec<Measurement>> {
    let contender = Contender::enter(stage, crowd, subject, users).await?;
    let floor = match subject.floor() {
        Some(floor) => Some(Contender::enter(stage, crowd, floor, users).await?),
        None => None,
    };

    let mut measurements = Vec::new();
    for &connections in &plan.connections {
        // The baseline last: it takes seconds, the contender may take minutes, and idle instances end meanwhile.
        for contender in [&contender].into_iter().chain(&floor) {
            contender.warm_up(connections, plan.warm_up).await?;
        }
        // The contender's instances may have ended meanwhile.
        contender.work(connections, &mut Phase::default()).await?;
        let (mut own, mut of_floor) = (Phase::default(), Phase::default());
        let mut upstream = BTreeMap::new();
        while own.load.elapsed < plan.measured {
            if let Some(floor) = &floor {
                floor.work(connections, &mut of_floor).await?;
            }
            let before = Upstream::before(&stage.tenant);
            contender.work(connections, &mut own).await?;
            before.add_since(&stage.tenant, &mut upstream);
        }
        let by_wrk = match stage.wrk().filter(|_| subject.is_measured_by_wrk()) {
            Some(wrk) => Some(wrk.measure(&contender.target, &contender.callers, connections, plan.measured).await?),
            None => None,
        };
        let requests = own.requests()?;
        let calls = |(endpoint, calls): (String, u64)| {
            Ok::<_, anyhow::Error>((endpoint, f64::from(u32::try_from(calls)?) / f64::from(requests)))
        };
        measurements.push(Measurement {
            subject,
            users,
            connections,
            requests,
            requests_per_second: f64::from(requests) / own.load.elapsed.as_secs_f64(),
            p50_ms: milliseconds(own.load.percentile(50)),
            p99_ms: milliseconds(own.load.percentile(99)),
            in_pieces: own.load.in_pieces.try_into()?,
            by_wrk,
            cpu_us_per_request: own.cpu_us_per_request()?,
            floor_cpu_us_per_request: floor.as_ref().map(|_| of_floor.cpu_us_per_request()).transpose()?,
            peak_memory_mb: contender.peak_memory_mb()?,
            upstream_calls: upstream.into_iter().map(calls).collect::<Result<_>>()?,
            first_request_ms: milliseconds(contender.first_request.percentile(50)),
        });
    }
    for contender in floor.into_iter().chain([contender]) {
        contender.served.stop().await;
    }
    Ok(measurements)
}

/// A server and its callers.
struct Contender {
    served: Served,
    target: Target,
    callers: Arc<[Caller]>,
    further_rounds: usize,
    turn: Arc<AtomicUsize>,
    first_request: Load,
}

impl Contender {
    async fn enter(stage: &Stage, crowd: &Crowd, subject: Subject, users: usize) -> Result<Self> {
        let served = stage.serve(subject).await?;
        let target = Target::of(served.url(), subject.path())?;
        let callers = crowd.callers(subject, users);
        let first_request = load::once(&target, callers.first().context("there are no callers")?).await?;
        Ok(Self {
            served,
            target,
            callers,
            further_rounds: subject.further_rounds(),
            turn: Arc::default(),
            first_request,
        })
    }

    async fn warm_up(&self, connections: usize, time: Duration) -> Result<()> {
        for (rounds, limit) in [(1, FIRST_ROUND_LIMIT), (self.further_rounds, FURTHER_ROUNDS_LIMIT)] {
            let until = Until { time, requests: rounds * self.callers.len(), limit };
            load::run(&self.target, &self.callers, connections, until, &self.turn).await?;
        }
        Ok(())
    }

    async fn work(&self, connections: usize, phase: &mut Phase) -> Result<()> {
        let before = Usage::of_tree(self.served.process_id())?;
        phase.load.add(load::run(&self.target, &self.callers, connections, Until::time(SLICE), &self.turn).await?);
        let after = Usage::of_tree(self.served.process_id())?;
        phase.cpu += after.cpu.saturating_sub(before.cpu);
        Ok(())
    }

    fn peak_memory_mb(&self) -> Result<f64> {
        let bytes = Usage::of_tree(self.served.process_id())?.peak_memory;
        Ok(f64::from(u32::try_from(bytes / 1024)?) / 1024.0)
    }
}

/// What a server did in all its turns.
#[derive(Default)]
struct Phase {
    load: Load,
    cpu: Duration,
}

impl Phase {
    fn requests(&self) -> Result<u32> {
        Ok(u32::try_from(self.load.latencies.len())?.max(1))
    }

    fn cpu_us_per_request(&self) -> Result<f64> {
        Ok(self.cpu.as_secs_f64() * 1e6 / f64::from(self.requests()?))
    }
}

/// The tenant's request counts at some moment.
struct Upstream(BTreeMap<String, u64>);

impl Upstream {
    fn before(tenant: &Tenant) -> Self {
        Self(tenant.request_counts().into_iter().map(|(endpoint, count)| (format!("{endpoint:?}"), count)).collect())
    }

    /// Adds the requests since then.
    fn add_since(self, tenant: &Tenant, calls: &mut BTreeMap<String, u64>) {
        for (endpoint, count) in Self::before(tenant).0 {
            let asked = count - self.0.get(&endpoint).copied().unwrap_or_default();
            if asked > 0 {
                *calls.entry(endpoint).or_default() += asked;
            }
        }
    }
}
