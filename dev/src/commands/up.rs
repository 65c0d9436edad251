//! `cargo dev up`

mod port;
mod stop_signals;

mod example;

use std::{
    collections::BTreeMap,
    fmt,
    net::Ipv4Addr,
    pin::pin,
    process::{self, ExitCode},
    time::Duration,
};

use anyhow::{Result, bail, ensure};
use cargo_dev::{commands::up::Up, component::Component, progress::Progress, workspace};
use console::style;
use tokio::time;

use self::{
    port::{API_PORT, choose_port},
    stop_signals::{INTERRUPTED, StopSignals},
};
use crate::run::{Announcement, Api, ApiOptions, LogSink, Runner, Running, SignInApp, SignInAppOptions, find_running};

const APP_PORT: u16 = 3001;
/// Only cargo knows whether the app has been built before. If it says so within this time, the introduction can wait for it.
const BUILT_APP_IS_FOUND_WITHIN: Duration = Duration::from_secs(2);
/// The person in the printed examples.
const ORDINARY_MEMBER: &str = "ada";
/// Listed last, because for two seconds after a call as this person others are throttled, too.
const THROTTLING_MEMBER: &str = "tess";

/// Serves until a signal asks it to stop.
///
/// # Errors
/// If a port is taken, the component does not build, or the application does not start or ends by itself.
pub async fn run(arguments: Up, progress: Progress) -> Result<ExitCode> {
    let mut stop = StopSignals::catch()?;
    if let Some(Running { process, api_url, .. }) = find_running().await? {
        bail!("`cargo dev up` is already serving {api_url} (process {process}): stop it first");
    }
    let runner = arguments.host.runner(|note| progress.note(note)).await?;
    if let Some(language) = arguments.example {
        return example::run(language, arguments.port, runner, progress, stop).await;
    }
    let mut api = tokio::select! {
        started = start_api(&arguments, runner, progress) => started?,
        () = stop.received() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    let announcement = Announcement::publish(Running {
        process: process::id(),
        api_url: api.server.url().to_owned(),
        authority_url: api.tenant.authority_url().to_owned(),
        tenant_id: api.tenant.tenant_id().to_owned(),
        spin_environment: api.spin_environment.clone(),
    })
    .await?;
    // Nobody who calls the API waits until the sign-in app is built.
    let mut building = pin!(Component::SignInApp.build(progress.still()));
    let mut is_introduced = false;
    let is_built = loop {
        tokio::select! {
            biased;
            () = stop.received() => break false,
            error = api.server.ended() => return Err(error),
            built = &mut building => break built.map(|_| true)?,
            () = time::sleep(BUILT_APP_IS_FOUND_WITHIN), if !is_introduced => {
                println!("{}", Introduction { api: &api, app_url: None });
                is_introduced = true;
            }
        }
    };
    let mut app = None;
    if is_built {
        let app = app.insert(start_app(&api, &arguments, runner, progress.still()).await?);
        if is_introduced {
            println!("\n{}", open_in_a_browser(app.url()));
        } else {
            println!("{}", Introduction { api: &api, app_url: Some(app.url()) });
        }
        tokio::select! {
            error = api.server.ended() => return Err(error),
            error = app.server.ended() => return Err(error),
            () = stop.received() => {}
        }
    }
    drop(announcement);
    if let Some(app) = app {
        app.server.stop().await;
    }
    api.server.stop().await;
    eprintln!("Stopped.");
    Ok(ExitCode::SUCCESS)
}

async fn start_api(arguments: &Up, runner: Runner, progress: Progress) -> Result<Api> {
    // Requested ports are tried before the build, which may take minutes, and each port once more before it is used.
    let port = choose_port(arguments.port, API_PORT, "--port")?;
    let app_port = choose_port(arguments.app_port, APP_PORT, "--app-port")?;
    ensure!(port == 0 || port != app_port, "--port and --app-port are both {port}: choose two");
    Component::Api.build(progress).await?;
    let port = port_to_use(arguments.port, API_PORT, "--port", progress)?;
    Api::start(ApiOptions {
        runner,
        listen: (Ipv4Addr::LOCALHOST, port).into(),
        // The app shows these timings.
        component_variables: BTreeMap::from([("server_timing".to_owned(), "on".to_owned())]),
        log: LogSink::Stderr,
        directory: Some(workspace::run_directory()),
        progress,
        ..ApiOptions::default()
    })
    .await
}

async fn start_app(api: &Api, arguments: &Up, runner: Runner, progress: Progress) -> Result<SignInApp> {
    let port = port_to_use(arguments.app_port, APP_PORT, "--app-port", progress)?;
    let options = SignInAppOptions {
        runner,
        port,
        log: LogSink::Stderr,
        directory: Some(workspace::run_directory().join("app")),
        progress,
        ..SignInAppOptions::default()
    };
    SignInApp::start(api, options).await
}

/// The requested port, the usual one, or any if that is taken.
fn port_to_use(requested: Option<u16>, usual: u16, option: &str, progress: Progress) -> Result<u16> {
    let port = choose_port(requested, usual, option)?;
    if port == 0 && requested.is_none() {
        progress.note(&format!("port {usual} is taken, so another one is used ({option} chooses one)"));
    }
    Ok(port)
}

fn open_in_a_browser(what: &str) -> String {
    format!("{}  {}", style("Open in a browser").bold(), style(what).cyan())
}

/// The text that `up` prints when the API serves.
struct Introduction<'a> {
    api: &'a Api,
    /// `None` while the sign-in app is being built.
    app_url: Option<&'a str>,
}

impl fmt::Display for Introduction<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { api, app_url } = self;
        let tenant = &api.tenant;
        let url = format!("{}/api/profile-get", api.server.url());
        writeln!(
            formatter,
            "\n{}",
            open_in_a_browser(app_url.unwrap_or("the sign-in app, which is still being built"))
        )?;
        writeln!(formatter, "{}            {}\n", style("The API").bold(), style(&url).cyan())?;
        writeln!(formatter, "{} (new keys, ids and secrets in each run)", style("The emulated tenant").bold())?;
        writeln!(formatter, "  directory  {}", tenant.tenant_id())?;
        writeln!(formatter, "  Entra      {}", tenant.authority_url())?;
        writeln!(formatter, "  Graph      {}", tenant.graph_url())?;
        writeln!(formatter, "  Key Vault  {}\n", tenant.vault_url())?;
        writeln!(formatter, "{}, and what each demonstrates", style("Its people").bold())?;
        let widest = tenant.people().iter().map(|person| person.name.len()).max().unwrap_or_default();
        let (last, others): (Vec<_>, Vec<_>) =
            tenant.people().iter().partition(|person| person.name == THROTTLING_MEMBER);
        for person in others.into_iter().chain(last) {
            writeln!(formatter, "  {:widest$}  {}", style(&person.name).green(), person.about)?;
        }
        let curl = format!("curl -i -H \"Authorization: Bearer $(cargo dev token --as {ORDINARY_MEMBER})\" {url}");
        // In a subshell, so that no later command uses this tenant by accident.
        let spin = "(ENVIRONMENT=\"$(cargo dev env)\" && eval \"$ENVIRONMENT\" && spin up --listen 127.0.0.1:3002)";
        writeln!(
            formatter,
            "
{}",
            style("In another terminal").bold()
        )?;
        writeln!(
            formatter,
            "  cargo dev call --as {ORDINARY_MEMBER}
  {curl}
  {spin}
"
        )?;
        write!(formatter, "Ctrl-C stops everything. Requests are logged below.")
    }
}
