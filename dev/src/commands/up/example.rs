//! `cargo dev up --example`

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    process::{self, ExitCode},
};

use anyhow::Result;
use cargo_dev::{commands::up::Language, progress::Progress, workspace};
use console::style;

use super::{
    port::{API_PORT, choose_port},
    stop_signals::{INTERRUPTED, StopSignals},
};
use crate::run::{Announcement, Example, GuardedApp, GuardedAppOptions, LogSink, Runner, Running};

/// The people in the printed examples: an ordinary member, and one whom Entra asks for a second factor.
const PEOPLE: [&str; 2] = ["ada", "mona"];

/// Serves the example until a signal asks it to stop.
pub(super) async fn run(
    language: Language,
    port: Option<u16>,
    runner: Runner,
    progress: Progress,
    mut stop: StopSignals,
) -> Result<ExitCode> {
    let mut app = tokio::select! {
        started = start(language, port, runner, progress) => started?,
        () = stop.received() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    let announcement = Announcement::publish(Running {
        process: process::id(),
        api_url: app.server.url().to_owned(),
        authority_url: app.tenant.authority_url().to_owned(),
        tenant_id: app.tenant.tenant_id().to_owned(),
        spin_environment: BTreeMap::new(),
    })
    .await?;
    println!("{}", introduction(language, &app));
    tokio::select! {
        error = app.server.ended() => return Err(error),
        () = stop.received() => {}
    }
    drop(announcement);
    app.server.stop().await;
    eprintln!("Stopped.");
    Ok(ExitCode::SUCCESS)
}

async fn start(language: Language, port: Option<u16>, runner: Runner, progress: Progress) -> Result<GuardedApp> {
    // Tried before the build, which may take minutes, and after it.
    choose_port(port, API_PORT, "--port")?;
    let app = Example::install(language, progress).await?.build(progress).await?;
    let port = choose_port(port, API_PORT, "--port")?;
    GuardedApp::start(
        &app,
        GuardedAppOptions {
            runner,
            example: language,
            listen: (Ipv4Addr::LOCALHOST, port).into(),
            log: LogSink::Stderr,
            directory: Some(workspace::run_directory().join("example")),
            progress,
            ..GuardedAppOptions::default()
        },
    )
    .await
}

fn introduction(language: Language, app: &GuardedApp) -> String {
    let url = app.server.url();
    let [member, challenged] = PEOPLE;
    let curl = |person: &str, path: &str| {
        format!("  curl -i -H \"Authorization: Bearer $(cargo dev token --as {person})\" {url}{path}")
    };
    [
        format!("\n{}  {}", style("The guarded app").bold(), style(url).cyan()),
        format!(
            "  from examples/{}, with a tenant that has new keys, ids and secrets in each run\n",
            language.folder()
        ),
        style("In another terminal").bold().to_string(),
        format!("  curl -i {url}/"),
        curl(member, "/"),
        curl(member, "/profile"),
        format!("{}  # for which nobody has consented", curl(member, "/mail")),
        format!("{}  # who needs a second factor", curl(challenged, "/profile")),
        "\nCtrl-C stops everything. Requests are logged below.".to_owned(),
    ]
    .join("\n")
}
