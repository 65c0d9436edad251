//! `cargo dev bench`: what a request costs, beside the least that it could cost and beside a peer.
//!
//! A `stage` holds the emulated tenant and serves one `subject` after the other, each in a `process` of its own, so that
//! its `usage` is told apart from that of the tenant and of the `load`, which share the machine's processors but not
//! the account. `measurement` puts them together, `rs256` measures the signature alone, `report`, with its `goals`, and
//! `plot` say what was found.

mod crowd;
mod goals;
mod load;
mod measurement;
mod node_peer;
mod optimised;
mod plot;
mod process;
mod report;
mod rs256;
mod stage;
mod subject;

use std::{path::PathBuf, sync::Arc, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::fs;

pub(crate) use self::optimised::hand_over_to_optimised;
use self::{
    crowd::Crowd,
    measurement::{Measurement, measure},
    report::Report,
    stage::Stage,
    subject::Subject,
};
use crate::{progress::Progress, server::Runner};

/// The name of the signature's measurement.
const RS256: &str = "RS256";

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) runner: Runner,
    /// Numbers of users, each with a token of their own.
    pub(crate) users: Vec<usize>,
    /// Numbers of connections that are kept alive.
    pub(crate) connections: Vec<usize>,
    /// How long each is measured.
    pub(crate) measured: Duration,
    /// How long there is load before that, at least; everybody calls in it.
    pub(crate) warm_up: Duration,
    /// Parts of the names of what is measured; everything is where there is none.
    pub(crate) only: Vec<String>,
    /// Where the plot goes.
    pub(crate) plot: PathBuf,
    /// Where all figures go as JSON.
    pub(crate) json: Option<PathBuf>,
}

/// Measures what the plan asks for.
///
/// # Errors
/// When a server does not start, or answers any request by anything but the caller's own profile.
pub(crate) async fn run(plan: &Plan, progress: Progress) -> Result<String> {
    let subjects: Vec<Subject> =
        Subject::ALL.into_iter().filter(|subject| plan.is_wanted(&subject.to_string())).collect();
    let wants_rs256 = plan.is_wanted(RS256);
    ensure!(wants_rs256 || !subjects.is_empty(), "nothing that is measured contains any of {}", plan.only.join(", "));
    let mut stage = Stage::set_up(plan.runner, &subjects, progress).await?;
    let rs256 = if wants_rs256 { Some(rs256::measure(&stage, progress).await?) } else { None };

    let measurements = measure_all(&mut stage, &subjects, plan, progress).await?;

    if let Some(&connections) = plan.connections.first() {
        plot::draw(&measurements, connections, &plan.plot)?;
        progress.note(&format!("the plot is in {}", plan.plot.display()));
    }
    if let Some(file) = &plan.json {
        let figures = json!({"rs256": rs256, "measurements": measurements, "skipped": stage.skipped});
        fs::write(file, format!("{figures:#}\n")).await.with_context(|| format!("cannot write {}", file.display()))?;
    }
    let report = Report {
        measurements: &measurements,
        rs256: rs256.as_ref(),
        skipped: &stage.skipped,
        circumstances: plan.circumstances(),
    };
    Ok(report.to_markdown())
}

/// One number of users after the other, so that what is compared is measured close together.
async fn measure_all(
    stage: &mut Stage,
    subjects: &[Subject],
    plan: &Plan,
    progress: Progress,
) -> Result<Vec<Measurement>> {
    let mut measurements = Vec::new();
    if subjects.is_empty() {
        return Ok(measurements);
    }
    let most = plan.users.iter().copied().max().context("no number of users")?;
    let step = progress.step(&format!("Signing {most} people in"));
    let crowd = Crowd::gather(Arc::clone(&stage.tenant), most).await?;
    step.done(&format!("Signed {most} people in"));

    for &users in &plan.users {
        for &subject in subjects {
            if !stage.can_serve(subject) {
                continue;
            }
            let step = progress.step(&format!("Measuring {subject}, users: {users}"));
            let measured = measure(stage, &crowd, plan, subject, users).await;
            let measured = match measured.with_context(|| format!("{subject}, users: {users}")) {
                Ok(measured) => measured,
                // It is not ours to mend, and need not cost the others their figures.
                Err(error) if subject == Subject::NodePeer => {
                    progress.note(&format!("not measured: {error:#}"));
                    stage.skipped.push(format!("{error:#}"));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let figures: Vec<String> = measured.iter().map(Measurement::in_short).collect();
            step.done(&format!("Measured {subject}, users: {users}: {}", figures.join("; ")));
            measurements.extend(measured);
        }
    }
    measurements.sort_by_key(|row| (Subject::ALL.iter().position(|subject| *subject == row.subject), row.users));
    Ok(measurements)
}

impl Plan {
    fn is_wanted(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part))
    }

    fn circumstances(&self) -> String {
        let host = match self.runner {
            Runner::Embedded => "the embedded host",
            Runner::RealSpin => "the real Spin",
        };
        let processors = thread::available_parallelism().map_or(1, usize::from);
        format!(
            "Components on {host}; load, tenant and server share {processors} processors ({}, {}). Users take turns, \
             each with a token of their own; {:.0} s for each row. CPU and memory are those of the server alone.",
            std::env::consts::OS,
            std::env::consts::ARCH,
            self.measured.as_secs_f64(),
        )
    }
}
