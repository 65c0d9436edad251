//! Hostile requests and tokens, by kinds. Each kind has one right response, and none of its requests may reach an
//! upstream.
//!
//! The emulated tenant signs the tokens, and responses are compared with the table of kinds: nothing here knows how the
//! component verifies. The `controls` are the same without the fault, and must be accepted.

mod algorithms;
mod case;
mod claims;
mod encodings;
mod header_members;
mod requests;
mod signatures;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use anyhow::{Result, ensure};
use cargo_dev::commands::deep::Subject;
use emulated_tenant::{Endpoint, Person, Service, Tenant, TenantOptions, TokenPlan};
use http::HeaderValue;
use tokio::{sync::Mutex, task::JoinSet};

use self::case::{Case, Cases};
use super::{app::App, caller::Caller, evidence::Evidence, request::request, subject::Running};
use crate::run::{ApiOptions, Runner};

/// As many as one instance serves concurrently.
const CONNECTIONS: usize = 8;
/// More than a request without upstream calls takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(10);
/// All instances that share a store look up unknown key ids at most once a minute in total, except for instances that
/// do so at the same moment.
const MOST_KEY_LOOKUPS: usize = 2 * CONNECTIONS;
/// With fewer, the generator would have lost a kind.
const FEWEST_CASES: usize = 1000;

/// The results of the corpus.
#[derive(Debug, Default)]
pub(super) struct CorpusReport {
    /// Distinct requests by kind.
    pub(super) kinds: BTreeMap<&'static str, usize>,
    pub(super) controls: usize,
    pub(super) key_lookups: usize,
    /// Other upstream calls. There must be none.
    pub(super) upstream_calls: usize,
    /// What reached the app behind the gateway, in bytes. There must be none.
    pub(super) app_bytes: Option<usize>,
    pub(super) wrong: Vec<String>,
}

impl CorpusReport {
    pub(super) fn requests(&self) -> usize {
        self.kinds.values().sum()
    }
}

/// Sends the whole corpus.
///
/// # Errors
/// If the tenant or the subject does not start, or the corpus is too small.
pub(super) async fn run(runner: Runner, subject: Subject, evidence: &Evidence) -> Result<CorpusReport> {
    let tenant = Arc::new(Tenant::start(TenantOptions::default()).await?);
    let options = ApiOptions { runner, ..evidence.application_options() };
    let running = Running::start(subject, Arc::clone(&tenant), options).await?;
    let url = running.api.server.url().to_owned();
    let mut report = CorpusReport::default();

    let person = tenant.person("ada")?.clone();
    let control = async |report: &mut CorpusReport| control(subject, &tenant, &person, &url, evidence, report).await;
    control(&mut report).await?;
    let cases = generate(subject, Arc::clone(&tenant), person.clone()).await?;
    for case in &cases {
        *report.kinds.entry(case.kind).or_default() += 1;
        evidence.token("a caller's token", &case.token);
    }
    ensure!(report.requests() >= FEWEST_CASES, "the corpus has only {} requests", report.requests());

    evidence.upstream(&tenant.take_requests());
    let received = || running.app.as_ref().map(|app| app.proxy.received());
    let before = received();
    report.wrong.extend(send(subject, &url, cases.clone(), evidence).await?);
    report.app_bytes = received().zip(before).map(|(after, before)| after - before);
    if let Some(bytes @ 1..) = report.app_bytes {
        report.wrong.push(format!("{bytes} bytes of refused requests reached the app"));
    }
    let upstream = tenant.take_requests();
    evidence.upstream(&upstream);
    let tokens: HashMap<&str, &Case> = cases.iter().map(|case| (case.token.as_str(), case)).collect();
    for request in &upstream {
        match (request.service, request.endpoint) {
            (_, Endpoint::OpenIdConfiguration | Endpoint::KeySet) => report.key_lookups += 1,
            // The host reads the credential from the vault with these.
            (Service::KeyVault, _) | (_, Endpoint::ClientCredentials) => {}
            (service, endpoint) => {
                let case = request.field("assertion").and_then(|assertion| tokens.get(assertion));
                let whose = case.map(|case| format!(" by {}, {}", case.kind, case.name)).unwrap_or_default();
                report.upstream_calls += 1;
                report.wrong.push(format!("{service:?} was asked for {endpoint:?}{whose}"));
            }
        }
    }
    if report.key_lookups > MOST_KEY_LOOKUPS {
        report.wrong.push(format!("{} key lookups, wanted {MOST_KEY_LOOKUPS} at most", report.key_lookups));
    }
    // Everything still works after that.
    control(&mut report).await?;
    evidence.upstream(&tenant.take_requests());
    let reached = running.app.as_ref().map(App::requests);
    if reached.is_some_and(|requests| requests != report.controls) {
        report.wrong.push(format!("{reached:?} requests reached the app, wanted {}", report.controls));
    }
    report.wrong.extend(running.end().await.wrong);
    Ok(report)
}

/// All cases without duplicates. Signing them takes a second or two.
async fn generate(subject: Subject, tenant: Arc<Tenant>, person: Person) -> Result<Vec<Case>> {
    tokio::task::spawn_blocking(move || {
        let mut cases = Cases::new(subject, &tenant, &person);
        algorithms::add(&mut cases);
        header_members::add(&mut cases);
        signatures::add(&mut cases);
        claims::add(&mut cases);
        encodings::add(&mut cases);
        requests::add(&mut cases);
        let mut names: Vec<_> = cases.list.iter().map(|case| (case.kind, case.name.as_str())).collect();
        names.sort_unstable();
        let twice: Vec<_> = names.windows(2).filter(|pair| pair.first() == pair.last()).collect();
        ensure!(twice.is_empty(), "cases have the same name: {twice:?}");
        Ok(cases.list)
    })
    .await?
}

/// Sends every case once and reports wrong responses.
async fn send(subject: Subject, url: &str, cases: Vec<Case>, evidence: &Evidence) -> Result<Vec<String>> {
    let queue = Arc::new(Mutex::new(VecDeque::from(cases)));
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (queue, evidence) = (Arc::clone(&queue), evidence.clone());
        let mut caller = Caller::of(subject, url)?;
        clients.spawn(async move {
            let mut wrong = Vec::new();
            loop {
                let Some(case) = queue.lock().await.pop_front() else { return wrong };
                let fault = match caller.send(case.request, LIMIT).await {
                    Err(no_answer) => Some(no_answer.to_string()),
                    Ok(answer) => {
                        evidence.response(&answer);
                        case.expected.compare(&answer)
                    }
                };
                wrong.extend(fault.map(|fault| format!("{}, {}: {fault}", case.kind, case.name)));
            }
        });
    }
    let mut wrong = Vec::new();
    while let Some(of_one) = clients.join_next().await {
        wrong.append(&mut of_one?);
    }
    Ok(wrong)
}

type Plan = fn(&mut TokenPlan);

/// Requests that must be accepted: each is like some kind of the corpus, without the fault.
const CONTROLS: [(&str, Plan); 5] = [
    ("a v2 token", |_| ()),
    ("a v1 token", TokenPlan::version_1),
    ("signed by the forger's means, with the right key", |plan| {
        plan.forger = Some(Box::new(|forgery| forgery.right()))
    }),
    ("the algorithm set again", |plan| _ = plan.header.insert("alg".into(), "RS256".into())),
    ("its texts given", |plan| {
        plan.header_text = Some(serde_json::Value::Object(plan.header.clone()).to_string());
        plan.claims_text = Some(serde_json::Value::Object(plan.claims.clone()).to_string());
    }),
];

async fn control(
    subject: Subject,
    tenant: &Tenant,
    person: &Person,
    url: &str,
    evidence: &Evidence,
    report: &mut CorpusReport,
) -> Result<()> {
    let mut caller = Caller::of(subject, url)?;
    for (name, plan) in CONTROLS {
        let token = tenant.access_token(person, plan);
        evidence.token("a caller's token", &token);
        for scheme in ["Bearer", "bEARER"] {
            let request = request(subject, &HeaderValue::try_from(format!("{scheme} {token}"))?);
            report.controls += 1;
            match caller.send(request, LIMIT * 3).await {
                Ok(answer) if answer.profile_id().as_deref() == Some(&person.object_id) => evidence.response(&answer),
                Ok(answer) => report.wrong.push(format!("control, {name}: {} {}", answer.status, answer.code())),
                Err(no_answer) => report.wrong.push(format!("control, {name}: {no_answer}")),
            }
        }
    }
    Ok(())
}
