//! The process of a host: the real `spin`, or the embedded host.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, Error, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use super::log::{Log, LogSink};
use crate::bound_command::{self, Lifeline};

/// A host waits for requests in progress, and none takes longer.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// The limit for reading the remaining output of an ended process.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// `spin up` starts a second process. All are in one process group, which ends with this value and with this process.
#[derive(Debug)]
pub(super) struct HostProcess {
    child: Child,
    _lifeline: Lifeline,
    group: Pid,
    url: watch::Receiver<Option<String>>,
    log: Log,
    readers: JoinSet<()>,
}

impl HostProcess {
    pub(super) fn spawn(command: &mut Command, sink: &LogSink) -> Result<Self> {
        let log = Log::open(sink)?;
        let (mut child, lifeline) = bound_command::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
            .context("the host could not be started")?;
        let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).context("the host ended at once")?;
        let (announce, url) = watch::channel(None);
        let mut readers = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            readers.spawn(read_lines(stdout, log.clone(), Some(announce)));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.spawn(read_lines(stderr, log.clone(), None));
        }
        Ok(Self { child, _lifeline: lifeline, group, url, log, readers })
    }

    /// The address that the host prints; `None` if its output ends before that.
    pub(super) async fn announced_url(&self) -> Option<String> {
        self.url.clone().wait_for(Option::is_some).await.ok()?.clone()
    }

    /// Waits until it ends by itself.
    pub(super) async fn ended(&mut self) -> Error {
        let status = self.child.wait().await;
        self.read_last_words().await;
        match status {
            Ok(status) => anyhow!("the host ended by itself with {status}"),
            Err(error) => anyhow!("the host was lost: {error}"),
        }
    }

    /// `None` after it has ended.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// Ends the group as Ctrl-C does, so that it removes its temporary files, and returns what it printed. Dropping kills the
    /// rest.
    pub(super) async fn stop(mut self) -> Vec<String> {
        self.log.expect_end();
        let _ = kill_process_group(self.group, Signal::INT);
        let _ = timeout(STOP_LIMIT, self.child.wait()).await;
        self.read_last_words().await;
        self.log.lines()
    }

    async fn read_last_words(&mut self) {
        let last_words = async { while self.readers.join_next().await.is_some() {} };
        // A remaining child process may keep the output open.
        let _ = timeout(LAST_WORDS, last_words).await;
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        // An error means that the group has ended.
        let _ = kill_process_group(self.group, Signal::KILL);
    }
}

async fn read_lines(stream: impl AsyncRead + Unpin, log: Log, announce: Option<watch::Sender<Option<String>>>) {
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        // Components print what they like.
        let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
        if let (Some(announce), Some(url)) = (&announce, serving_url(&line)) {
            announce.send_replace(Some(url.to_owned()));
        }
        log.add(line);
    }
}

/// `Serving http://127.0.0.1:3000`.
fn serving_url(line: &str) -> Option<&str> {
    let url = line.trim().strip_prefix("Serving ")?;
    url.starts_with("http://").then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bound_command::bound_command;

    #[test]
    fn the_address_is_read_from_what_a_host_prints() {
        assert_eq!(serving_url("Serving http://127.0.0.1:3000"), Some("http://127.0.0.1:3000"));
        assert_eq!(serving_url("  profile-get: http://127.0.0.1:3000/api/profile-get"), None);
        assert_eq!(serving_url("Serving suggestion"), None);
    }

    fn shell(script: &str) -> HostProcess {
        HostProcess::spawn(bound_command("sh").args(["-c", script]), &LogSink::Collect).unwrap()
    }

    #[tokio::test]
    async fn an_early_end_is_reported_with_the_output() {
        let mut process = shell("echo 'no such variable' >&2; exit 4");
        assert_eq!(process.ended().await.to_string(), "the host ended by itself with exit status: 4");
        assert_eq!(process.announced_url().await, None);
        assert_eq!(process.log().lines(), ["no such variable"]);
    }

    #[tokio::test]
    async fn the_whole_group_ends() {
        let process = shell("sleep 600 & echo 'Serving http://127.0.0.1:1'; wait");
        assert_eq!(process.announced_url().await.as_deref(), Some("http://127.0.0.1:1"));
        let mut output = process.url.clone();
        output.mark_unchanged();
        drop(process);
        // Their common output closes when both are gone.
        timeout(Duration::from_secs(10), output.changed()).await.expect("the second process lives on").unwrap_err();
    }
}
