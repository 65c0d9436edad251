//! One cell: one caller, then eight at the same time, then recovery.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use anyhow::Result;
use cargo_dev::commands::deep::Subject;
use emulated_tenant::{Person, Signing, Tenant};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    fault::FaultKind,
    fitting::{self, Token},
    upstream::{Proxies, Upstream},
};
use crate::{
    deep::{
        breaking_proxy::BreakingProxy,
        caller::{Caller, NoResponse},
        evidence::Evidence,
        subject::Running,
    },
    run::{ApiOptions, Redis, Runner, runtime_config::KeyValueStore},
};

/// `request_timeout` in a cell: the smallest that distinguishes a slow response from a fault.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// A margin for this machine, which is busy with other cells.
const MARGIN: Duration = Duration::from_millis(1500);
const LIMIT: Duration = REQUEST_TIMEOUT.saturating_add(MARGIN);
/// The limit from the end of the fault until all responses are right.
pub(super) const RECOVERY_LIMIT: Duration = Duration::from_secs(5);
const CLIENTS: usize = 8;
/// Each client calls for this long, one request after the other.
const LOOP: Duration = Duration::from_millis(2500);
const BETWEEN_CALLS: Duration = Duration::from_millis(50);

/// The results of a cell.
#[derive(Debug)]
pub(in crate::deep) struct CellReport {
    subject: Subject,
    pub(in crate::deep) upstream: Upstream,
    pub(in crate::deep) fault: FaultKind,
    /// How often callers got each code during the fault.
    pub(in crate::deep) codes: BTreeMap<String, usize>,
    pub(in crate::deep) slowest: Duration,
    pub(in crate::deep) unanswered: usize,
    /// The time from the end of the fault; `None` if it took too long.
    pub(in crate::deep) recovery: Option<Duration>,
    wrong: BTreeSet<String>,
}

impl CellReport {
    pub(in crate::deep) fn answered(&self) -> usize {
        self.codes.values().sum()
    }

    /// The problems, one line each.
    pub(in crate::deep) fn problems(&self) -> Vec<String> {
        self.wrong.iter().map(|wrong| format!("{}, {}: {wrong}", self.upstream, self.fault)).collect()
    }

    fn note(&mut self, token: Token, outcome: Result<(String, Duration), NoResponse>) {
        match outcome {
            Err(no_answer) => {
                self.unanswered += 1;
                self.wrong.insert(format!("{no_answer} to a {token:?} token"));
            }
            Ok((code, took)) => {
                self.slowest = self.slowest.max(took);
                if !fitting::codes(self.subject, self.upstream, self.fault, token).contains(&code.as_str()) {
                    self.wrong.insert(format!("{code} to a {token:?} token"));
                }
                *self.codes.entry(code).or_default() += 1;
            }
        }
    }
}

/// Runs one cell with a subject of its own.
pub(super) async fn run(
    runner: Runner,
    subject: Subject,
    tenant: &Arc<Tenant>,
    evidence: &Evidence,
    upstream: Upstream,
    fault: FaultKind,
) -> Result<CellReport> {
    let redis = if upstream == Upstream::Store { Some(Redis::start(&evidence.folder()).await?) } else { None };
    let proxy = redis.as_ref().map(|redis| BreakingProxy::start(redis.address())).transpose()?;
    let options = ApiOptions {
        runner,
        store: proxy
            .as_ref()
            .map_or_else(KeyValueStore::default, |proxy| KeyValueStore::Redis(format!("redis://{}", proxy.address()))),
        component_variables: [("request_timeout".to_owned(), REQUEST_TIMEOUT.as_secs().to_string())].into(),
        ..evidence.application_options()
    };
    let running = Running::start(subject, Arc::clone(tenant), options).await?;
    let proxies = Proxies { store: proxy.as_ref(), app: running.app.as_ref().map(|app| &app.proxy) };
    let crowd = Crowd {
        subject,
        url: running.api.server.url().to_owned(),
        tenant,
        evidence,
        people: tenant.add_members(CLIENTS),
    };
    let mut report = CellReport {
        subject,
        upstream,
        fault,
        codes: BTreeMap::new(),
        slowest: Duration::ZERO,
        unanswered: 0,
        recovery: None,
        wrong: BTreeSet::new(),
    };

    if upstream.is_warmed() && !crowd.first_is_served().await {
        report.wrong.insert("the first request, before the fault, did not give a profile".to_owned());
    }
    upstream.break_by(fault, tenant, &proxies);
    crowd.call_once(&mut report).await;
    crowd.call_together(&mut report).await;
    tenant.faults().clear();
    proxies.restore();
    crowd.recover(&mut report).await;
    if let Some(redis) = &redis {
        evidence.copy_redis(&redis.url()).await?;
    }
    evidence.upstream(&tenant.take_requests());
    report.wrong.extend(running.end().await.wrong.into_iter().take(1));
    Ok(report)
}

/// The callers of one cell.
struct Crowd<'a> {
    subject: Subject,
    url: String,
    tenant: &'a Tenant,
    evidence: &'a Evidence,
    people: Vec<Person>,
}

impl Crowd<'_> {
    /// Half of the clients have valid tokens, the others forged ones.
    fn tokens(&self) -> Vec<(Token, String)> {
        let forge = |plan: &mut emulated_tenant::TokenPlan| plan.signing = Signing::ForgedKey;
        let numbered = self.people.iter().enumerate();
        let tokens = numbered.map(|(number, person)| match number % 2 {
            0 => (Token::Valid, self.tenant.access_token(person, |_| ())),
            _ => (Token::Forged, self.tenant.access_token(person, forge)),
        });
        tokens.inspect(|(_, token)| self.evidence.token("a caller's token", token)).collect()
    }

    async fn first_is_served(&self) -> bool {
        let Ok(ada) = self.tenant.person("ada") else { return false };
        let token = self.tenant.access_token(ada, |_| ());
        matches!(self.call(&token, Duration::from_secs(20)).await, Ok((code, _)) if code == "profile")
    }

    async fn call(&self, token: &str, limit: Duration) -> Result<(String, Duration), NoResponse> {
        call_of(self.subject, &self.url, self.evidence, token, limit).await
    }

    async fn call_once(&self, report: &mut CellReport) {
        if let Some((token, text)) = self.tokens().first() {
            report.note(*token, self.call(text, LIMIT).await);
        }
    }

    async fn call_together(&self, report: &mut CellReport) {
        let end = Instant::now() + LOOP;
        let mut clients = JoinSet::new();
        for (token, text) in self.tokens() {
            let (subject, url, evidence) = (self.subject, self.url.clone(), self.evidence.clone());
            clients.spawn(async move {
                let mut outcomes = Vec::new();
                let Ok(mut caller) = Caller::of(subject, &url) else { return (token, outcomes) };
                while Instant::now() < end {
                    let answer = caller.profile(&text, LIMIT).await;
                    outcomes.push(answer.map(|answer| {
                        evidence.response(&answer);
                        (answer.code(), answer.took)
                    }));
                    sleep(BETWEEN_CALLS).await;
                }
                (token, outcomes)
            });
        }
        while let Some(client) = clients.join_next().await {
            match client {
                Err(error) => _ = report.wrong.insert(format!("a client failed: {error}")),
                Ok((token, outcomes)) => outcomes.into_iter().for_each(|outcome| report.note(token, outcome)),
            }
        }
    }

    /// Everyone calls until all responses are right.
    async fn recover(&self, report: &mut CellReport) {
        let started = Instant::now();
        let mut tokens = self.tokens();
        let mut last = String::new();
        while !tokens.is_empty() && started.elapsed() < RECOVERY_LIMIT {
            let mut clients = JoinSet::new();
            for (token, text) in tokens {
                let (subject, url, evidence) = (self.subject, self.url.clone(), self.evidence.clone());
                let left = RECOVERY_LIMIT.saturating_sub(started.elapsed());
                clients.spawn(async move { (token, call_of(subject, &url, &evidence, &text, left).await, text) });
            }
            tokens = Vec::new();
            while let Some(Ok((token, outcome, text))) = clients.join_next().await {
                let code = outcome.map_or_else(|no_answer| no_answer.to_string(), |(code, _)| code);
                let right = if token == Token::Valid { "profile" } else { "invalid_token" };
                if code != right {
                    last = format!("{code} to a {token:?} token");
                    tokens.push((token, text));
                }
            }
            sleep(BETWEEN_CALLS).await;
        }
        if tokens.is_empty() {
            report.recovery = Some(started.elapsed());
        } else {
            let seconds = RECOVERY_LIMIT.as_secs();
            report.wrong.insert(format!("still {last} after {seconds} s without the fault"));
        }
    }
}

/// Sends one request over a connection of its own. Returns its code and its duration.
async fn call_of(
    subject: Subject,
    url: &str,
    evidence: &Evidence,
    token: &str,
    limit: Duration,
) -> Result<(String, Duration), NoResponse> {
    let mut caller = Caller::of(subject, url).map_err(|error| NoResponse::Broken(error.to_string()))?;
    let answer = caller.profile(token, limit).await?;
    evidence.response(&answer);
    Ok((answer.code(), answer.took))
}
