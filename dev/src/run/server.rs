//! A running application.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    path::Path,
    time::Duration,
};

use anyhow::{Error, Result, anyhow};
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

use super::{control::Control, log::LogSink, process::HostProcess};
use crate::{bound_command::bound_command, loopback};

/// An interpreter of JavaScript or Python, which is what an app in one of those is, takes a host half a minute to compile,
/// and longer on a machine under load.
const START_LIMIT: Duration = Duration::from_secs(240);
const POLL: Duration = Duration::from_millis(50);

/// An application that a host serves in a process of its own, which ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    url: String,
    process: HostProcess,
    control: Option<Control>,
}

impl Server {
    /// Runs `program` with the `arguments` of `spin` in `folder`, and waits until it serves. Of the variables about Azure and
    /// Spin it gets only `environment`.
    ///
    /// # Errors
    /// If it ends before it serves, or does not serve in time. The error contains the collected log.
    pub async fn run(
        program: &OsStr,
        arguments: Vec<OsString>,
        environment: &BTreeMap<String, String>,
        folder: &Path,
        log: &LogSink,
    ) -> Result<Self> {
        let mut command = command(program, environment);
        let mut process = HostProcess::spawn(command.args(arguments).current_dir(folder), log)?;
        let url = timeout(START_LIMIT, serving(&mut process))
            .await
            .map_err(|_| anyhow!("the host did not serve within {} s", START_LIMIT.as_secs()))
            .flatten()
            .map_err(|error| with_log(error, &process.log().unshown_last_lines()))?;
        Ok(Self { url, process, control: None })
    }

    /// For a host that was started with the socket of this control.
    pub(super) fn with_control(self, control: Control) -> Self {
        Self { control: Some(control), ..self }
    }

    /// The base URL, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process that was started; `spin up` serves in a child of it. `None` after it has ended.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Controls the host, if it is the embedded one.
    #[must_use]
    pub fn control(&self) -> Option<Control> {
        self.control.clone()
    }

    /// What host and components printed so far, if the options ask to collect it: for the message of a failure.
    #[must_use]
    pub fn log_lines(&self) -> Vec<String> {
        self.process.log().lines()
    }

    /// The same when no more lines come, since the lines about a response can arrive after it.
    pub async fn settled_log_lines(&self) -> Vec<String> {
        self.process.log().settled_lines().await
    }

    /// Waits until the host ends by itself, which is an error.
    pub async fn ended(&mut self) -> Error {
        self.process.ended().await
    }

    /// Ends it as Ctrl-C does, after the requests in progress. Returns its whole log, if the options ask to collect it.
    pub async fn stop(self) -> Vec<String> {
        self.process.stop().await
    }
}

fn with_log(error: Error, log: &[String]) -> Error {
    if log.is_empty() { error } else { anyhow!("{error:#}\n{}", log.join("\n")) }
}

/// `program` without the developer's own settings, which would change the run, for example another tenant's credentials.
fn command(program: &OsStr, environment: &BTreeMap<String, String>) -> Command {
    let mut command = bound_command(program);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("AZURE_") || name.to_string_lossy().starts_with("SPIN_") {
            command.env_remove(name);
        }
    }
    // With backtraces, each cancelled call of a component costs the host some 20 microseconds, which the bench would count.
    command.env_remove("RUST_BACKTRACE").env_remove("RUNTIME_CONFIG_FILE").env("NO_COLOR", "1");
    // The emulated tenant is on this machine, and Spin asks its vault through a proxy if there is one.
    command.env("NO_PROXY", "*").env("no_proxy", "*").envs(environment);
    command
}

/// Waits for the address that the host prints, then for its first response.
async fn serving(process: &mut HostProcess) -> Result<String> {
    let Some(url) = process.announced_url().await else {
        return Err(process.ended().await);
    };
    let client = loopback::client()?;
    let health = format!("{url}/.well-known/spin/health");
    let is_healthy = async {
        while !client.get(&health).send().await.is_ok_and(|response| response.status().is_success()) {
            sleep(POLL).await;
        }
    };
    tokio::select! {
        () = is_healthy => Ok(url),
        error = process.ended() => Err(error),
    }
}
