//! One server under one number of users: its figures.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use emulated_tenant::Tenant;
use serde::Serialize;

use super::{
    Plan,
    crowd::Crowd,
    load::{self, Load, Target, Until},
    stage::Stage,
    subject::Subject,
    usage::Usage,
};

/// The longest wait for everybody to have called once, which fills what a process or its store remembers.
const FIRST_ROUND_LIMIT: Duration = Duration::from_secs(120);
/// The longest wait for the further rounds, in which each of several instances comes to know everybody.
const FURTHER_ROUNDS_LIMIT: Duration = Duration::from_secs(30);

/// What was measured at one number of users and connections.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Measurement {
    pub(super) subject: Subject,
    pub(super) users: usize,
    pub(super) connections: usize,
    pub(super) requests: u32,
    pub(super) requests_per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// Of the server's process and its children alone.
    pub(super) cpu_us_per_request: f64,
    /// Of the same, since they started.
    pub(super) peak_memory_mb: f64,
    /// Calls to the tenant for each request, by endpoint.
    pub(super) upstream_calls: BTreeMap<String, f64>,
    /// The first request that the server answered after it had started.
    pub(super) first_request_ms: f64,
}

impl Measurement {
    /// All calls to the tenant for each request.
    pub(super) fn calls(&self) -> f64 {
        self.upstream_calls.values().sum()
    }

    /// For whoever watches.
    pub(super) fn in_short(&self) -> String {
        let Self { cpu_us_per_request, requests_per_second, connections, .. } = self;
        format!("{cpu_us_per_request:.0} µs of CPU, {requests_per_second:.0} requests/s over {connections} connections")
    }
}

/// Measures `subject` on a server of its own, with each number of connections in turn.
pub(super) async fn measure(
    stage: &Stage,
    crowd: &Crowd,
    plan: &Plan,
    subject: Subject,
    users: usize,
) -> Result<Vec<Measurement>> {
    let served = stage.serve(subject).await?;
    let target = Target::of(served.url())?;
    let callers = crowd.callers(subject, users);
    let first_request = load::once(&target, callers.first().context("nobody calls")?).await?;

    let mut measurements = Vec::new();
    for &connections in &plan.connections {
        for (rounds, limit) in [(1, FIRST_ROUND_LIMIT), (subject.further_rounds(), FURTHER_ROUNDS_LIMIT)] {
            let warm_up = Until { time: plan.warm_up, requests: rounds * users, limit };
            load::run(&target, &callers, connections, warm_up).await?;
        }

        let upstream = Upstream::before(&stage.tenant);
        let before = Usage::of_tree(served.process_id())?;
        let load = load::run(&target, &callers, connections, Until::time(plan.measured)).await?;
        let after = Usage::of_tree(served.process_id())?;
        let requests = u32::try_from(load.latencies.len())?.max(1);
        measurements.push(Measurement {
            subject,
            users,
            connections,
            requests,
            requests_per_second: f64::from(requests) / load.elapsed.as_secs_f64(),
            p50_ms: milliseconds(load.percentile(50)),
            p99_ms: milliseconds(load.percentile(99)),
            cpu_us_per_request: microseconds(after.cpu.saturating_sub(before.cpu)) / f64::from(requests),
            peak_memory_mb: f64::from(u32::try_from(after.peak_memory / 1024)?) / 1024.0,
            upstream_calls: upstream.since(&stage.tenant, &load)?,
            first_request_ms: milliseconds(first_request),
        });
    }
    served.stop().await;
    Ok(measurements)
}

/// What the tenant had been asked at some moment.
struct Upstream(BTreeMap<String, u64>);

impl Upstream {
    fn before(tenant: &Tenant) -> Self {
        Self(tenant.request_counts().into_iter().map(|(endpoint, count)| (format!("{endpoint:?}"), count)).collect())
    }

    /// What it was asked since then for each request of `load`.
    fn since(self, tenant: &Tenant, load: &Load) -> Result<BTreeMap<String, f64>> {
        let requests = f64::from(u32::try_from(load.latencies.len())?.max(1));
        let mut calls = BTreeMap::new();
        for (endpoint, count) in Self::before(tenant).0 {
            let asked = count - self.0.get(&endpoint).copied().unwrap_or_default();
            if asked > 0 {
                calls.insert(endpoint, f64::from(u32::try_from(asked)?) / requests);
            }
        }
        Ok(calls)
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
