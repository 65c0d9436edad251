//! `cargo dev bench`: what a request costs, compared with the minimum that it could cost and with a peer on Node.
//!
//! A `stage` holds the emulated tenant and serves one `subject` after the other, each in a `process` of its own, so
//! that its CPU and memory can be distinguished from those of the tenant and of the `load`. `measurement` combines
//! them, `rs256` measures the signature alone, `report`, with its `goals`, and `plot` present the figures.

mod load;
mod plan;
mod process;
mod subject;

mod crowd;
mod node_peer;

mod stage;

mod measurement;
mod rs256;

mod goals;
mod plot;

mod report;

mod serve_host;

use std::{process::ExitCode, sync::Arc};

use anyhow::{Context, Result, ensure};
use cargo_dev::{commands::bench::Bench, progress::Progress};
use serde_json::json;
use tokio::{
    fs,
    signal::unix::{SignalKind, signal},
};

pub use self::serve_host::serve_host;
use self::{
    crowd::Crowd,
    measurement::{Measurement, measure},
    plan::Plan,
    report::Report,
    stage::Stage,
    subject::Subject,
};

/// The name of the signature's measurement.
const RS256: &str = "RS256";
/// The exit code that shells use for a program ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Measures and prints the tables.
///
/// # Errors
/// If something does not build or start, or gives a wrong response while it is measured.
pub async fn run(arguments: &Bench, progress: Progress) -> Result<ExitCode> {
    let plan = Plan::of(arguments)?;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let tables = tokio::select! {
        tables = measure_as(&plan, progress) => tables?,
        // Dropping the measurement also ends the servers.
        _ = interrupt.recv() => return Ok(ExitCode::from(INTERRUPTED)),
        _ = terminate.recv() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    println!("{tables}");
    Ok(ExitCode::SUCCESS)
}

/// Measures what the plan asks for.
///
/// # Errors
/// If a server does not start, or any response is not the caller's own profile.
async fn measure_as(plan: &Plan, progress: Progress) -> Result<String> {
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

/// One number of users after the other, so that figures that are compared are measured close together.
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
                // A failure of the peer should not cost the others their figures.
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
