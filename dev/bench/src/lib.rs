//! `cargo dev bench`: what a request costs, compared with the minimum that it could cost and with the same job on Node.
//!
//! A `stage` holds the emulated tenant and serves one `subject` after the other, each in a `process` of its own, so
//! that its CPU and memory can be distinguished from those of the tenant and of the `load`. `measurement` combines
//! them, with the latencies that `wrk` reports. The other parts have a file each: `rs256` measures the signature alone,
//! `first_responses` fresh processes, `bursts` and `new_people` what exchanges cost, `memory` what is remembered, `uploads`
//! what reaches an app.
//! `report`, with its `goals`, and `plot` present the `figures`.

mod arrival;
mod owner;

mod load;
mod plan;
mod process;
mod subject;

mod crowd;
mod native;
mod node_peer;
mod wrk;

mod stage;

mod bursts;
mod first_responses;
mod measurement;
mod memory;
mod new_people;
mod rs256;
mod uploads;

mod figures;

mod goals;
mod plot;

mod report;

use std::{process::ExitCode, sync::Arc};

use anyhow::{Context, Result, ensure};
use cargo_dev::{commands::bench::Bench, progress::Progress};
use tokio::{
    fs,
    signal::unix::{SignalKind, signal},
};

use self::{
    crowd::Crowd,
    figures::Figures,
    measurement::{Measurement, measure},
    plan::Plan,
    report::Report,
    stage::Stage,
    subject::Subject,
};

/// The name of the component's size among the parts.
const SIZE: &str = "size";
/// The parts that are no server under load.
const PARTS: [&str; 7] =
    [rs256::NAME, first_responses::NAME, bursts::NAME, new_people::NAME, memory::NAME, uploads::NAME, SIZE];
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
/// If a server does not start, or any response is not the caller's own.
async fn measure_as(plan: &Plan, progress: Progress) -> Result<String> {
    let subjects: Vec<Subject> =
        Subject::ALL.into_iter().filter(|subject| plan.is_wanted(&subject.to_string())).collect();
    ensure!(
        !subjects.is_empty() || PARTS.iter().any(|part| plan.is_wanted(part)),
        "nothing that is measured contains any of {}",
        plan.only.join(", ")
    );
    let mut others = Vec::new();
    if plan.is_wanted(bursts::NAME) {
        others.extend(bursts::SUBJECTS);
    }
    if plan.is_wanted(new_people::NAME) {
        others.extend(new_people::subjects());
    }
    if plan.is_wanted(uploads::NAME) {
        others.extend(uploads::SUBJECTS);
    }
    let mut stage = Stage::set_up(plan.runner, &subjects, &others, progress).await?;
    let crowd = gather(&stage, &subjects, plan, progress).await?;

    let mut figures = Figures::default();
    if plan.is_wanted(SIZE) {
        figures.component_bytes = Some(stage.component_bytes);
    }
    if plan.is_wanted(rs256::NAME) {
        figures.rs256 = Some(rs256::measure(&stage, plan, progress).await?);
    }
    if plan.is_wanted(first_responses::NAME) {
        figures.first_responses = Some(first_responses::measure(&stage, &crowd, plan, progress).await?);
    }
    if plan.is_wanted(bursts::NAME) {
        figures.bursts = bursts::measure(&stage, &crowd, plan, progress).await?;
    }
    if plan.is_wanted(new_people::NAME) {
        figures.new_people = new_people::measure(&stage, &crowd, plan, progress).await?;
    }
    if plan.is_wanted(memory::NAME) {
        figures.memory = Some(memory::measure(&stage, &crowd, plan, progress).await?);
    }
    if plan.is_wanted(uploads::NAME) {
        figures.uploads = uploads::measure(&stage, &crowd, plan, progress).await?;
    }
    figures.measurements = measure_all(&mut stage, &crowd, &subjects, plan, progress).await?;
    figures.skipped = stage.skipped;

    if let Some(&connections) = plan.connections.first() {
        plot::draw(&figures.measurements, connections, &plan.plot)?;
        progress.note(&format!("the plot is in {}", plan.plot.display()));
    }
    if let Some(file) = &plan.json {
        let figures = serde_json::to_string_pretty(&figures)? + "\n";
        fs::write(file, figures).await.with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(Report { figures: &figures, circumstances: plan.circumstances() }.to_markdown())
}

/// As many people as the largest measurement needs.
async fn gather(stage: &Stage, subjects: &[Subject], plan: &Plan, progress: Progress) -> Result<Crowd> {
    let users = plan.users.iter().copied().max().context("no number of users")?;
    let needed = [
        (!subjects.is_empty(), users),
        (plan.is_wanted(first_responses::NAME), first_responses::PEOPLE),
        (plan.is_wanted(bursts::NAME), bursts::people(plan)),
        (plan.is_wanted(new_people::NAME), new_people::people(plan)),
        (plan.is_wanted(memory::NAME), memory::people(plan)),
        (plan.is_wanted(uploads::NAME), uploads::PEOPLE),
    ];
    let most = needed.into_iter().filter_map(|(is_wanted, people)| is_wanted.then_some(people)).max().unwrap_or(0);
    let doing = format!("Signing {most} people in");
    let step = if most > 0 { progress.step(&doing) } else { progress.step_if_needed(&doing) };
    let crowd = Crowd::gather(Arc::clone(&stage.tenant), most).await?;
    step.done(&format!("Signed {most} people in"));
    Ok(crowd)
}

/// One number of users after the other, so that figures that are compared are measured close together.
async fn measure_all(
    stage: &mut Stage,
    crowd: &Crowd,
    subjects: &[Subject],
    plan: &Plan,
    progress: Progress,
) -> Result<Vec<Measurement>> {
    let mut measurements = Vec::new();
    for &users in &plan.users {
        for &subject in subjects {
            if !stage.can_serve(subject) {
                continue;
            }
            let step = progress.step(&format!("Measuring {subject}, users: {users}"));
            let measured = measure(stage, crowd, plan, subject, users).await;
            let measured = match measured.with_context(|| format!("{subject}, users: {users}")) {
                Ok(measured) => measured,
                // A failure of the peer should not cost the others their figures.
                Err(error) if subject.is_on_node() => {
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
