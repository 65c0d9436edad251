//! Runs the real `spin` instead of the embedded host, with the same options.

mod process;

use std::{collections::BTreeMap, env, ffi::OsString, path::Path, time::Duration};

use anyhow::{Error, Result, anyhow};
use cargo_dev::spin_program::SpinProgram;
use embedded_host::{HostOptions, LogSink};
use tokio::{
    fs,
    process::Command,
    time::{sleep, timeout},
};

use self::process::SpinProcess;
use crate::{bound_command::bound_command, loopback};

/// An interpreter of JavaScript or Python, which is what an app in one of those is, takes Spin half a minute to compile, and
/// longer on a machine under load.
const START_LIMIT: Duration = Duration::from_secs(240);
const POLL: Duration = Duration::from_millis(50);

/// A running `spin up`.
#[derive(Debug)]
pub struct RealSpin {
    url: String,
    process: SpinProcess,
}

impl RealSpin {
    /// Runs `spin up` and waits until it serves.
    ///
    /// # Errors
    /// If it ends before it serves, or does not serve within a minute. The error contains the collected log.
    pub async fn start(program: &SpinProgram, options: HostOptions) -> Result<Self> {
        fs::create_dir_all(&options.state_dir).await?;
        // Spin reads a `.env` in the current folder.
        Self::run(program, arguments(&options), &options.environment, &options.state_dir, &options.log).await
    }

    /// The same with `arguments` of `spin`, in `folder`. Of the variables about Azure and Spin it gets only `environment`.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn run(
        program: &SpinProgram,
        arguments: Vec<OsString>,
        environment: &BTreeMap<String, String>,
        folder: &Path,
        log: &LogSink,
    ) -> Result<Self> {
        let mut command = command(program, environment);
        let mut process = SpinProcess::spawn(command.args(arguments).current_dir(folder), log)?;
        let url = timeout(START_LIMIT, serving(&mut process))
            .await
            .map_err(|_| anyhow!("`spin up` did not serve within {} s", START_LIMIT.as_secs()))
            .flatten()
            .map_err(|error| with_log(error, &process.log_lines()))?;
        Ok(Self { url, process })
    }

    /// The base URL, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process that was started; `spin up` serves in a child of it.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// The output of `spin` and the components so far, if the options ask to collect it.
    #[must_use]
    pub fn log_lines(&self) -> Vec<String> {
        self.process.log_lines()
    }

    /// Waits until `spin` ends by itself, which is an error.
    pub async fn ended(&mut self) -> Error {
        self.process.ended().await
    }

    /// Ends `spin` as Ctrl-C does.
    pub async fn stop(self) {
        self.process.stop().await;
    }
}

fn with_log(error: Error, log: &[String]) -> Error {
    if log.is_empty() { error } else { anyhow!("{error:#}\n{}", log.join("\n")) }
}

/// `spin` without the developer's own settings, which would change the run, for example another tenant's credentials.
fn command(program: &SpinProgram, environment: &BTreeMap<String, String>) -> Command {
    let mut command = bound_command(program.path());
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("AZURE_") || name.to_string_lossy().starts_with("SPIN_") {
            command.env_remove(name);
        }
    }
    // With backtraces, each cancelled call of a component costs the host some 20 microseconds, which the bench would count.
    command.env_remove("RUST_BACKTRACE").env_remove("RUNTIME_CONFIG_FILE").env("NO_COLOR", "1").envs(environment);
    command
}

/// `spin up` with the same options as the embedded host.
fn arguments(options: &HostOptions) -> Vec<OsString> {
    let reuse = options.reuse;
    let mut arguments: Vec<OsString> = vec!["up".into(), "--from-file".into(), options.manifest.clone().into()];
    arguments.extend(["--listen".into(), options.listen.to_string().into()]);
    arguments.extend(["--state-dir".into(), options.state_dir.clone().into()]);
    arguments.extend(["--temp".into(), options.state_dir.join("temporary").into()]);
    if let Some(runtime_config) = &options.runtime_config {
        arguments.extend(["--runtime-config-file".into(), runtime_config.clone().into()]);
    }
    if options.direct_mounts {
        arguments.push("--direct-mounts".into());
    }
    for (name, value) in &options.variables {
        arguments.extend(["--variable".into(), format!("{name}={value}").into()]);
    }
    arguments.extend(["--max-instance-reuse-count".into(), reuse.max_requests.to_string().into()]);
    arguments.extend(["--max-instance-concurrent-reuse-count".into(), reuse.max_concurrent.to_string().into()]);
    arguments.extend(["--idle-instance-timeout".into(), format!("{}ms", reuse.idle.as_millis()).into()]);
    arguments
}

/// Waits for the address that `spin` prints, then for its first response.
async fn serving(process: &mut SpinProcess) -> Result<String> {
    let Some(url) = process.announced_url().await else {
        return Err(process.ended().await);
    };
    let client = loopback::client()?;
    let health = format!("{url}/.well-known/spin/health");
    while !client.get(&health).send().await.is_ok_and(|response| response.status().is_success()) {
        sleep(POLL).await;
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use embedded_host::{InstanceReuse, WallClock};

    use super::*;

    #[test]
    fn spin_gets_the_same_options_as_the_embedded_host() {
        let options = HostOptions {
            manifest: "/p/spin.toml".into(),
            runtime_config: Some("/p/runtime-config.toml".into()),
            direct_mounts: true,
            listen: "127.0.0.1:0".parse().unwrap(),
            environment: BTreeMap::new(),
            variables: BTreeMap::from([("graph_url".to_owned(), "http://127.0.0.1:9".to_owned())]),
            log: LogSink::Collect,
            reuse: InstanceReuse::default(),
            state_dir: "/s".into(),
            cache_dir: "/c".into(),
            clock: WallClock::default(),
        };
        let arguments = arguments(&options);
        assert_eq!(
            arguments.join(OsStr::new(" ")),
            "up --from-file /p/spin.toml --listen 127.0.0.1:0 --state-dir /s --temp /s/temporary \
             --runtime-config-file /p/runtime-config.toml --direct-mounts --variable graph_url=http://127.0.0.1:9 \
             --max-instance-reuse-count 128 --max-instance-concurrent-reuse-count 16 --idle-instance-timeout 1000ms"
        );
    }
}
