//! The fault matrix: every upstream broken in every way, and the responses during and after the fault.
//!
//! A `cell` is one `upstream` with one `fault`; `fitting` is the table of acceptable responses.

mod cell;
mod fault;
mod fitting;
mod upstream;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use cargo_dev::commands::deep::Subject;
use emulated_tenant::{Tenant, TenantOptions};
use tokio::{sync::Mutex, task::JoinSet};

use self::fitting::Token;
pub(super) use self::{
    cell::CellReport,
    fault::FaultKind,
    upstream::{Proxies, Upstream},
};
use super::{evidence::Evidence, plan::Scale};
use crate::run::{Redis, Runner};

/// How many cells run concurrently. They mostly wait, but with more, a machine with two processors would respond too
/// late.
const AT_ONCE: usize = 6;

/// The results of the whole matrix.
#[derive(Debug, Default)]
pub(super) struct MatrixReport {
    pub(super) cells: Vec<CellReport>,
    /// Why cells were skipped.
    pub(super) skipped: Option<String>,
}

impl MatrixReport {
    /// The problems, one line each.
    pub(super) fn problems(&self) -> Vec<String> {
        self.cells.iter().flat_map(CellReport::problems).collect()
    }

    pub(super) fn answers(&self) -> usize {
        self.cells.iter().map(CellReport::answered).sum()
    }

    /// How many cells have problems.
    pub(super) fn faulty_cells(&self) -> usize {
        self.cells.iter().filter(|cell| !cell.problems().is_empty()).count()
    }

    pub(super) fn slowest_answer(&self) -> Duration {
        self.cells.iter().map(|cell| cell.slowest).max().unwrap_or_default()
    }

    pub(super) fn unanswered(&self) -> usize {
        self.cells.iter().map(|cell| cell.unanswered).sum()
    }

    /// The longest time of recovery.
    pub(super) fn slowest_recovery(&self) -> Duration {
        self.cells.iter().filter_map(|cell| cell.recovery).max().unwrap_or_default()
    }
}

/// The cells of a run: all of them or, for the sample, one for each kind of fault and each upstream.
pub(super) fn cells(scale: Scale, subject: Subject) -> Vec<(Upstream, FaultKind)> {
    let upstreams = Upstream::of(subject);
    match scale {
        Scale::Whole => {
            upstreams.iter().flat_map(|upstream| upstream.faults().map(|fault| (*upstream, fault))).collect()
        }
        Scale::Sample => SAMPLE.into_iter().filter(|(upstream, _)| upstreams.contains(upstream)).collect(),
    }
}

const SAMPLE: [(Upstream, FaultKind); 12] = [
    (Upstream::Vault, FaultKind::Refused),
    (Upstream::Vault, FaultKind::Html),
    (Upstream::Configuration, FaultKind::NotHttp),
    (Upstream::Keys, FaultKind::HeadThenSilence),
    (Upstream::Token, FaultKind::ResetMidBody),
    (Upstream::Token, FaultKind::Unavailable),
    (Upstream::Graph, FaultKind::Drip),
    (Upstream::Graph, FaultKind::Truncated),
    (Upstream::Store, FaultKind::Refused),
    (Upstream::Store, FaultKind::ResetBeforeHead),
    (Upstream::App, FaultKind::Refused),
    (Upstream::App, FaultKind::Truncated),
];

/// The codes that any caller may get while `upstream` has `fault`.
pub(super) fn fitting_codes(subject: Subject, upstream: Upstream, fault: FaultKind) -> Vec<&'static str> {
    [Token::Valid, Token::Forged]
        .iter()
        .flat_map(|token| fitting::codes(subject, upstream, fault, *token))
        .copied()
        .collect()
}

/// Runs `cells`, several at the same time, each with a subject and a store of its own.
///
/// # Errors
/// When a tenant or the subject does not start.
pub(super) async fn run(
    runner: Runner,
    subject: Subject,
    cells: Vec<(Upstream, FaultKind)>,
    evidence: &Evidence,
) -> Result<MatrixReport> {
    let mut report = MatrixReport::default();
    let mut queue: VecDeque<_> = cells.into();
    if !Redis::is_installed().await {
        let before = queue.len();
        queue.retain(|(upstream, _)| *upstream != Upstream::Store);
        if queue.len() < before {
            report.skipped =
                Some(format!("{} cells of the store: redis-server is not installed", before - queue.len()));
        }
    }
    let queue = Arc::new(Mutex::new(queue));
    let mut workers = JoinSet::new();
    for _ in 0..AT_ONCE.min(queue.lock().await.len()) {
        let (queue, evidence) = (Arc::clone(&queue), evidence.clone());
        workers.spawn(async move {
            // Generating a tenant's keys costs more than a cell, so each worker keeps its tenant.
            let tenant = Arc::new(Tenant::start(TenantOptions::default()).await?);
            evidence.credentials(&tenant);
            let mut reports = Vec::new();
            loop {
                let Some((upstream, fault)) = queue.lock().await.pop_front() else { return anyhow::Ok(reports) };
                let cell = cell::run(runner, subject, &tenant, &evidence, upstream, fault).await;
                reports.push(cell.with_context(|| format!("the cell {upstream}, {fault}"))?);
            }
        });
    }
    while let Some(reports) = workers.join_next().await {
        report.cells.append(&mut reports??);
    }
    report.cells.sort_by_key(|cell| (cell.upstream, cell.fault));
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_matrix_has_every_upstream_with_every_fault() {
        for (subject, number) in [(Subject::Api, 6 * 15), (Subject::Gateway, 5 * 15 + 11), (Subject::Sidecar, 5 * 15)] {
            let whole = cells(Scale::Whole, subject);
            assert_eq!(whole.len(), number);
            let sample = cells(Scale::Sample, subject);
            assert!(sample.len() >= 8 && sample.iter().all(|cell| whole.contains(cell)));
        }
    }
}
