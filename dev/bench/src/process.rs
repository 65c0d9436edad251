//! A server in a process of its own, so that its cost can be distinguished from that of the load and the tenant.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// For a busy machine.
const START_LIMIT: Duration = Duration::from_secs(120);

/// A program that prints `listening on <url>` when it listens, and exits when its standard input ends.
/// Killed when dropped.
#[derive(Debug)]
pub(super) struct ServingProcess {
    url: String,
    id: u32,
    _child: Child,
    _stdin: ChildStdin,
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl ServingProcess {
    /// Starts `command` and waits for its address. Its standard error goes to `log`.
    pub(super) async fn start(command: &mut Command, log: PathBuf) -> Result<Self> {
        let name = command.as_std().get_program().display().to_string();
        let complaints = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(complaints)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("`{name}` could not be started"))?;
        let id = child.id().with_context(|| format!("`{name}` ended at once"))?;
        let stdin = child.stdin.take().context("its standard input")?;
        let mut stdout = BufReader::new(child.stdout.take().context("its standard output")?).lines();
        match timeout(START_LIMIT, stdout.next_line()).await {
            Ok(Ok(Some(line))) => {
                let url = line.strip_prefix("listening on ").with_context(|| format!("`{name}` printed {line:?}"))?;
                Ok(Self { url: url.to_owned(), id, _child: child, _stdin: stdin, _stdout: stdout })
            }
            Ok(_) => Err(anyhow!("`{name}` ended before it served\n{}", complaints_in(&log))),
            Err(_) => bail!("`{name}` did not serve within {} s\n{}", START_LIMIT.as_secs(), complaints_in(&log)),
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }
}

fn complaints_in(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(script: &str) -> Result<ServingProcess> {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        ServingProcess::start(Command::new("sh").args(["-c", script]), log).await
    }

    #[tokio::test]
    async fn the_address_is_taken_from_what_it_prints() {
        let process = shell("echo 'listening on http://hello'; cat").await.unwrap();
        assert_eq!(process.url(), "http://hello");
    }

    #[tokio::test]
    async fn a_program_that_ends_or_prints_something_else_is_reported() {
        let ended = shell("echo 'no such file' >&2; exit 3").await.unwrap_err().to_string();
        assert_eq!(ended, "`sh` ended before it served\nno such file");
        let other = shell("echo hello").await.unwrap_err().to_string();
        assert_eq!(other, "`sh` printed \"hello\"");
    }
}
