//! Many people for a while, with faults that come and go by a seeded schedule.
//!
//! Every profile must be its caller's own, and every failure explained by a fault that was active at the time.

mod people;
mod random;
mod schedule;
mod timeline;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use cargo_dev::commands::deep::Subject;
use emulated_tenant::{Tenant, TenantOptions};
use tokio::{
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, timeout},
};

use self::{people::People, random::Random, schedule::Event, timeline::Timeline};
use super::{
    breaking_proxy::{BreakingProxy, ReplyFault},
    caller::Caller,
    evidence::Evidence,
    matrix::{Proxies, fitting_codes},
    plan::SoakPlan,
    subject::Running,
};
use crate::{
    run::{ApiOptions, Memory, Redis, Runner, runtime_config::KeyValueStore},
    usage::Usage,
};

/// `request_timeout` in a soak.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Includes a margin for a busy machine.
const LIMIT: Duration = REQUEST_TIMEOUT.saturating_add(Duration::from_secs(5));
/// An idle instance ends after a second, after its requests in progress.
const END_LIMIT: Duration = Duration::from_secs(15);
/// An instance serves 128 requests by default. More memory than this is a leak.
const LARGEST_INSTANCE: usize = 16 << 20;
/// The real Spin with all its instances.
const LARGEST_SPIN: u64 = 2 << 30;
const BETWEEN_SAMPLES: Duration = Duration::from_secs(1);
/// Clocks are tolerated that differ by five minutes.
const TOLERATED_CLOCK: u64 = 290;
/// How many unexplained responses are reported.
const REPORTED: usize = 20;

/// The results of a soak.
#[derive(Debug, Default)]
pub(super) struct SoakReport {
    /// Responses by code.
    pub(super) codes: BTreeMap<String, usize>,
    /// Events by kind.
    pub(super) events: BTreeMap<&'static str, usize>,
    pub(super) explained: usize,
    pub(super) unexplained: usize,
    pub(super) memory: String,
    pub(super) wrong: Vec<String>,
    /// What could not be done on this machine.
    pub(super) skipped: Vec<String>,
}

impl SoakReport {
    pub(super) fn requests(&self) -> usize {
        self.codes.values().sum()
    }
}

/// Runs a soak.
///
/// # Errors
/// When the tenant or the subject does not start.
pub(super) async fn run(runner: Runner, subject: Subject, plan: SoakPlan, evidence: &Evidence) -> Result<SoakReport> {
    let mut report = SoakReport::default();
    let world = World::start(runner, subject, plan, evidence, &mut report).await?;
    let callers = world.callers()?;
    let (stop, sampler) = world.sample_memory();
    world.drain_journal_until(&stop);

    let end = Instant::now() + plan.length;
    let mut world = world;
    for (quiet, event) in schedule::events(subject, plan.seed, plan.length) {
        sleep(quiet).await;
        *report.events.entry(event.word()).or_default() += 1;
        world.happen(event).await?;
    }
    tokio::time::sleep_until(end).await;
    world.shared.stopping.store(true, Ordering::Relaxed);
    for of_one in callers.join_all().await {
        report.explained += of_one.explained;
        report.wrong.extend(of_one.wrong);
        for (code, count) in of_one.codes {
            *report.codes.entry(code).or_default() += count;
        }
    }
    world.check_memory(&mut report).await?;
    stop.store(true, Ordering::Relaxed);
    let most = sampler.await?;
    report.memory.push_str(&most);
    let causes = world.end(&mut report).await?;
    report.unexplained = report.wrong.len();
    if report.wrong.len() > REPORTED {
        let more = report.wrong.len() - REPORTED;
        report.wrong.truncate(REPORTED);
        report.wrong.push(format!("and {more} more"));
    }
    if report.unexplained > 0 {
        report.wrong.extend(causes);
    }
    Ok(report)
}

/// What callers and events share.
struct Shared {
    tenant: Arc<Tenant>,
    people: People,
    timeline: Timeline,
    stopping: AtomicBool,
    evidence: Evidence,
}

struct World {
    subject: Subject,
    running: Running,
    shared: Arc<Shared>,
    store: Option<(Redis, BreakingProxy)>,
    plan: SoakPlan,
    random: Random,
}

#[derive(Default)]
struct OfOneCaller {
    codes: BTreeMap<String, usize>,
    explained: usize,
    wrong: Vec<String>,
}

impl World {
    async fn start(
        runner: Runner,
        subject: Subject,
        plan: SoakPlan,
        evidence: &Evidence,
        report: &mut SoakReport,
    ) -> Result<Self> {
        let tenant = Arc::new(Tenant::start(TenantOptions::default()).await?);
        let store = if Redis::is_installed().await {
            let redis = Redis::start(&evidence.folder()).await?;
            let proxy = BreakingProxy::start(redis.address())?;
            Some((redis, proxy))
        } else {
            report.skipped.push("store faults and restarts: redis-server is not installed".to_owned());
            None
        };
        if runner == Runner::RealSpin {
            report.skipped.push("clock moves: the real Spin knows only the machine's clock".to_owned());
        }
        let options = ApiOptions {
            runner,
            store: store.as_ref().map_or_else(KeyValueStore::default, |(_, proxy)| {
                KeyValueStore::Redis(format!("redis://{}", proxy.address()))
            }),
            component_variables: [("request_timeout".to_owned(), REQUEST_TIMEOUT.as_secs().to_string())].into(),
            is_controlled: true,
            ..evidence.application_options()
        };
        evidence.credentials(&tenant);
        let running = Running::start(subject, Arc::clone(&tenant), options).await?;
        let people = People::new(tenant.add_members(plan.people));
        let shared = Shared {
            tenant,
            people,
            timeline: Timeline::default(),
            stopping: AtomicBool::new(false),
            evidence: evidence.clone(),
        };
        let random = Random::from_seed(plan.seed);
        Ok(Self { subject, running, shared: Arc::new(shared), store, plan, random })
    }

    fn callers(&self) -> Result<JoinSet<OfOneCaller>> {
        let mut callers = JoinSet::new();
        for number in 0..self.plan.connections {
            let caller = Caller::of(self.subject, self.running.api.server.url())?;
            callers.spawn(call_until_stopped(Arc::clone(&self.shared), caller, self.random.stream(number)));
        }
        Ok(callers)
    }

    async fn happen(&mut self, event: Event) -> Result<()> {
        let Shared { tenant, people, timeline, evidence, .. } = &*self.shared;
        match event {
            Event::Fault(upstream, kind, lasting) => {
                let store = self.store.as_ref().map(|(_, proxy)| proxy);
                let proxies = Proxies { store, app: self.running.app.as_ref().map(|app| &app.proxy) };
                let codes = fitting_codes(self.subject, upstream, kind);
                timeline.begin(format!("{upstream}, {kind}"), codes, Instant::now());
                upstream.break_by(kind, tenant, &proxies);
                sleep(lasting).await;
                tenant.faults().clear();
                proxies.restore();
            }
            Event::StoreRestarted(lasting) => {
                if let Some((redis, proxy)) = self.store.take() {
                    evidence.copy_redis(&redis.url()).await?;
                    proxy.set(ReplyFault::Refused);
                    drop(redis);
                    sleep(lasting).await;
                    let redis = Redis::start(&evidence.folder()).await?;
                    proxy.set_target(redis.address());
                    proxy.set(ReplyFault::None);
                    self.store = Some((redis, proxy));
                }
            }
            Event::SigningKeyRotated => {
                tenant.rotate_signing_key()?;
                people.keys_rotated();
            }
            Event::ClientSecretRotated => {
                tenant.rotate_client_secret();
                evidence.credentials(tenant);
            }
            Event::ClockMoved(seconds, lasting) => {
                let Some(control) = self.running.api.server.control() else { return Ok(()) };
                let beyond = seconds.unsigned_abs() > TOLERATED_CLOCK;
                let codes = if beyond { vec!["invalid_token"] } else { Vec::new() };
                timeline.begin(format!("clock {seconds} s ahead"), codes, Instant::now());
                control.set_clock_ahead(seconds).await?;
                sleep(lasting).await;
                control.set_clock_ahead(0).await?;
            }
            Event::GraphTokensRevoked => {
                for person in people.some(&mut self.random, 100) {
                    tenant.revoke_graph_tokens(person);
                }
            }
        }
        self.shared.timeline.end(Instant::now());
        Ok(())
    }

    /// Records the peak memory of the instances or of the real Spin until it is stopped.
    fn sample_memory(&self) -> (Arc<AtomicBool>, JoinHandle<String>) {
        let stop = Arc::new(AtomicBool::new(false));
        let server = &self.running.api.server;
        let (stopped, control, process) = (Arc::clone(&stop), server.control(), server.process_id());
        let sampler = tokio::spawn(async move {
            let mut most = Memory::default();
            while !stopped.load(Ordering::Relaxed) {
                if let Some(control) = &control {
                    let now = match control.memory().await {
                        Ok(now) => now,
                        Err(error) => return format!("{error:#}"),
                    };
                    most.instances = most.instances.max(now.instances);
                    most.bytes = most.bytes.max(now.bytes);
                    most.largest_instance = most.largest_instance.max(now.largest_instance);
                }
                sleep(BETWEEN_SAMPLES).await;
            }
            if control.is_some() {
                return format!(
                    "largest instance {}, all {} at most ({} instances)",
                    mebibytes(most.largest_instance),
                    mebibytes(most.bytes),
                    most.instances
                );
            }
            match process.and_then(|process| Usage::of_tree(process).ok()) {
                Some(usage) => format!("Spin {} at most", mebibytes(usage.peak_memory)),
                None => "Spin has ended".to_owned(),
            }
        });
        (stop, sampler)
    }

    /// Records the tokens and secrets of the requests to upstreams and clears the journal, so that it does not grow.
    fn drain_journal_until(&self, stop: &Arc<AtomicBool>) {
        let (shared, stop) = (Arc::clone(&self.shared), Arc::clone(stop));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                sleep(BETWEEN_SAMPLES).await;
                shared.evidence.upstream(&shared.tenant.take_requests());
            }
        });
    }

    /// Checks that idle instances end, and that none was too large.
    async fn check_memory(&self, report: &mut SoakReport) -> Result<()> {
        let server = &self.running.api.server;
        if let Some(control) = server.control() {
            let all_ended = async {
                while control.memory().await?.instances > 0 {
                    sleep(Duration::from_millis(100)).await;
                }
                Ok::<_, anyhow::Error>(())
            };
            if let Ok(ended) = timeout(END_LIMIT, all_ended).await {
                ended?;
            } else {
                let Memory { instances, bytes, .. } = control.memory().await?;
                report.wrong.push(format!("{instances} instances with {} still live without calls", mebibytes(bytes)));
            }
            let largest = control.memory().await?.largest_instance;
            if largest > LARGEST_INSTANCE {
                report.wrong.push(format!("an instance grew to {}", mebibytes(largest)));
            }
        } else if let Some(process) = server.process_id() {
            let peak = Usage::of_tree(process)?.peak_memory;
            if peak > LARGEST_SPIN {
                report.wrong.push(format!("Spin grew to {}", mebibytes(peak)));
            }
        }
        Ok(())
    }

    /// Ends the world; returns the most frequent causes of failures in the log.
    async fn end(self, report: &mut SoakReport) -> Result<Vec<String>> {
        self.shared.evidence.upstream(&self.shared.tenant.take_requests());
        if let Some((redis, _)) = &self.store {
            self.shared.evidence.copy_redis(&redis.url()).await.context("the store's entries")?;
        }
        let ended = self.running.end().await;
        report.wrong.extend(ended.wrong);
        Ok(causes(&ended.log))
    }
}

async fn call_until_stopped(shared: Arc<Shared>, mut caller: Caller, mut random: Random) -> OfOneCaller {
    let mut seen = OfOneCaller::default();
    while !shared.stopping.load(Ordering::Relaxed) {
        let Some(call) = shared.people.call(&shared.tenant, &mut random) else { return seen };
        shared.evidence.token("a caller's token", &call.token);
        let begun = Instant::now();
        let (code, profile) = match caller.profile(&call.token, LIMIT).await {
            Ok(answer) => {
                shared.evidence.response(&answer);
                (answer.code(), answer.profile_id().filter(|_| answer.status == 200))
            }
            Err(no_answer) => {
                seen.wrong.push(format!("{no_answer}; {}", shared.timeline.latest(begun)));
                ("no answer".to_owned(), None)
            }
        };
        let is_right = match (&call.object_id, &profile) {
            (Some(own), Some(profile)) => own == profile,
            (None, None) => code == "invalid_token",
            _ => false,
        };
        if profile.is_some() && !is_right {
            seen.wrong.push("a caller got a profile that is not theirs".to_owned());
        } else if !is_right && shared.timeline.explains(&code, begun) {
            seen.explained += 1;
        } else if !is_right && code != "no answer" {
            let whose = if call.object_id.is_some() { "a valid" } else { "a forged" };
            seen.wrong.push(format!("{code} to {whose} token; {}", shared.timeline.latest(begun)));
        }
        *seen.codes.entry(code).or_default() += 1;
    }
    seen
}

/// What a line of the log says of a request that failed.
#[derive(serde::Deserialize)]
struct Failure {
    status: u16,
    outcome: String,
    cause: String,
}

/// The most frequent causes of failures in a log, with their numbers.
fn causes(log: &[String]) -> Vec<String> {
    let mut causes: BTreeMap<String, usize> = BTreeMap::new();
    for line in log.iter().filter_map(|line| serde_json::from_str::<Failure>(line).ok()) {
        if line.status >= 500 {
            *causes.entry(format!("{}: {}", line.outcome, line.cause)).or_default() += 1;
        }
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    causes.into_iter().take(REPORTED).map(|(cause, count)| format!("logged {count} times: {cause}")).collect()
}

fn mebibytes(bytes: impl TryInto<u64>) -> String {
    let tenths = bytes.try_into().unwrap_or_default().saturating_mul(10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
