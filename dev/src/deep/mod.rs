//! The deep check, which tests the claims of `SECURITY.md`:
//!
//! - `subject`: what is checked, the API or the component `entra` as a gateway or a sidecar; `app`: what is behind the
//!   gateway;
//! - `request`: its requests for the caller's profile;
//! - `corpus`: hostile requests and tokens, none of which may be accepted or reach an upstream;
//! - `matrix`: every upstream broken in every way;
//! - `soak`: many people for a while, with faults that come and go;
//! - `certificate`: a run with a certificate, whose private key must not leak;
//! - `evidence`, `leaks`: the search for tokens and secrets in logs, responses and stores;
//! - `figures`: the results as a table.

mod app;
mod breaking_proxy;
mod caller;
mod certificate;
mod corpus;
mod evidence;
mod figures;
mod leaks;
mod matrix;
mod plan;
mod request;
mod soak;
mod subject;

use anyhow::Result;
use cargo_dev::commands::deep::{Part, Subject};

use self::{corpus::CorpusReport, evidence::Evidence, figures::grouped, leaks::LeakReport, matrix::MatrixReport};
pub use self::{
    figures::{Figures, ROWS},
    plan::{DeepPlan, Scale, SoakPlan},
};

/// The results of a deep check.
#[derive(Debug, Default)]
pub struct Findings {
    /// For the table.
    pub figures: Figures,
    /// The problems, one line each.
    pub problems: Vec<String>,
    /// What could not be checked on this machine, and why.
    pub skipped: Vec<String>,
}

/// Runs the checks of the plan.
///
/// # Errors
/// If a component does not build, or a host or a tenant does not start.
pub async fn run(plan: DeepPlan) -> Result<Findings> {
    let mut findings = Findings::default();
    for subject in &plan.subjects {
        check(*subject, &plan, &mut findings).await?;
    }
    Ok(findings)
}

async fn check(subject: Subject, plan: &DeepPlan, findings: &mut Findings) -> Result<()> {
    let DeepPlan { runner, progress, .. } = *plan;
    let evidence = Evidence::new()?;
    if plan.parts.contains(&Part::Corpus) {
        let step = progress.step(&format!("{subject}: sending hostile requests"));
        let report = corpus::run(runner, subject, &evidence).await?;
        step.done(&format!("{subject}: sent hostile requests"));
        findings.add_corpus(subject, report);
    }
    if plan.parts.contains(&Part::Matrix) {
        let step = progress.step(&format!("{subject}: breaking each upstream in each way"));
        let mut cells = matrix::cells(plan.scale, subject);
        cells.retain(|(upstream, fault)| format!("{upstream}, {fault}").contains(&plan.cells));
        let report = matrix::run(runner, subject, cells, &evidence).await?;
        step.done(&format!("{subject}: broke each upstream in each way"));
        findings.add_matrix(subject, report);
    }
    if plan.parts.contains(&Part::Soak) {
        let SoakPlan { length, seed, .. } = plan.soak;
        let step = progress.step(&format!("{subject}: soaking for {} s, seed {seed}", length.as_secs()));
        let report = soak::run(runner, subject, plan.soak, &evidence).await?;
        step.done(&format!("{subject}: soaked"));
        findings.add_soak(subject, plan.soak, report);
    }
    if subject == Subject::Api {
        certificate::run(runner, &evidence).await?;
    }
    let step = progress.step(&format!("{subject}: searching logs, answers and stores for secrets"));
    let report = evidence.search().await?;
    step.done(&format!("{subject}: searched logs, answers and stores for secrets"));
    findings.add_leaks(subject, report);
    Ok(())
}

impl Findings {
    fn add_corpus(&mut self, subject: Subject, report: CorpusReport) {
        let CorpusReport { controls, key_lookups, upstream_calls, .. } = report;
        let (requests, kinds) = (grouped(report.requests()), report.kinds.len());
        let wrong = report.wrong.len();
        let app = report.app_bytes.map(|bytes| format!(", {bytes} bytes to the app")).unwrap_or_default();
        self.figures.add(
            subject,
            ROWS[0],
            format!(
                "{requests} in {kinds} kinds: {wrong} wrong, {upstream_calls} calls of the token endpoint or Graph, \
                 {key_lookups} key lookups{app}"
            ),
        );
        self.figures.add(subject, ROWS[1], format!("{controls} of {controls}"));
        self.problems.extend(report.wrong.into_iter().map(|wrong| format!("{subject}, corpus: {wrong}")));
    }

    fn add_matrix(&mut self, subject: Subject, report: MatrixReport) {
        let (problems, cells) = (report.problems(), report.cells.len());
        let (answers, unanswered) = (grouped(report.answers()), report.unanswered());
        let faulty = report.faulty_cells();
        self.figures.add(
            subject,
            ROWS[2],
            format!("{cells} cells: in {faulty} an answer was missing, late or unfitting"),
        );
        let slowest = report.slowest_answer().as_secs_f64();
        self.figures.add(
            subject,
            ROWS[3],
            format!("{answers}, the slowest after {slowest:.1} s of 2 s allowed; {unanswered} requests unanswered"),
        );
        self.figures.add(subject, ROWS[4], format!("{:.1} s at most", report.slowest_recovery().as_secs_f64()));
        self.problems.extend(problems.into_iter().map(|problem| format!("{subject}, matrix: {problem}")));
        self.skipped.extend(report.skipped.map(|skipped| format!("{subject}: {skipped}")));
    }

    fn add_soak(&mut self, subject: Subject, plan: SoakPlan, report: soak::SoakReport) {
        let SoakPlan { length, connections, people, seed } = plan;
        let (requests, people, explained) = (grouped(report.requests()), grouped(people), grouped(report.explained));
        self.figures.add(
            subject,
            ROWS[5],
            format!(
                "{} s, {connections} connections, {people} people, seed {seed}: {requests} requests, {explained} failures \
                 explained by a fault, {} not",
                length.as_secs(),
                report.unexplained
            ),
        );
        let events = report.events.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>();
        self.figures.add(subject, ROWS[6], events.join(", "));
        self.figures.add(subject, ROWS[7], report.memory);
        self.problems.extend(report.wrong.into_iter().map(|wrong| format!("{subject}, soak, seed {seed}: {wrong}")));
        self.skipped.extend(report.skipped.into_iter().map(|skipped| format!("{subject}: {skipped}")));
    }

    fn add_leaks(&mut self, subject: Subject, report: LeakReport) {
        let LeakReport { secrets, bytes, planted: (found, planted), leaks } = report;
        let megabytes = bytes.div_ceil(1_000_000);
        self.figures.add(
            subject,
            ROWS[8],
            format!(
                "{} secrets in {megabytes} MB: {} found; {found} of {planted} planted forms found",
                grouped(secrets),
                leaks.len()
            ),
        );
        if found < planted {
            self.problems.push("the search does not find what was planted for it".to_owned());
        }
        self.problems.extend(leaks.into_iter().map(|leak| format!("{subject}, leak: {leak}")));
    }
}
