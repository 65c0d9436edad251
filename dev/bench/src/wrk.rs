//! Latencies as `wrk` reports them, a load generator that others wrote.
//!
//! It shows what the `load` here could overlook: it adds the requests that would have been made meanwhile to the
//! latency of one that stalls (coordinated omission).

use std::{io::Write, time::Duration};

use anyhow::{Context, Result, ensure};
use cargo_dev::{programs::output_of, workspace};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio::process::Command;

use super::load::{Caller, Target};

const PROGRAM: &str = "wrk";
/// Lets the callers take turns.
const SCRIPT: &str = "bench/wrk/turns.lua";

/// An installed `wrk`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wrk(());

/// What it reports.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct WrkLatencies {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl Wrk {
    /// The one on `PATH`.
    ///
    /// # Errors
    /// If there is none.
    pub(super) async fn find() -> Result<Self> {
        // It prints its version and then fails, because there is nothing to measure.
        Command::new(PROGRAM).arg("--version").output().await.with_context(|| format!("{PROGRAM} is not on PATH"))?;
        Ok(Self(()))
    }

    /// Lets `callers` take turns over `connections` for a time, at least a second.
    ///
    /// # Errors
    /// If a request fails. Whose profile a response contains is not checked.
    pub(super) async fn measure(
        self,
        target: &Target,
        callers: &[Caller],
        connections: usize,
        time: Duration,
    ) -> Result<WrkLatencies> {
        let mut file = NamedTempFile::new().context("a file for the callers")?;
        for caller in callers {
            file.write_all(&[caller.authorization(), b"\n"].concat())?;
        }
        let mut command = Command::new(PROGRAM);
        command.args(["--threads", "1", "--connections", &connections.to_string()]);
        command.args(["--duration", &format!("{}s", time.as_secs().max(1))]);
        command.arg("--script").arg(workspace::root().join(SCRIPT)).arg(target.url()).arg("--").arg(file.path());
        WrkLatencies::parse(&output_of(&mut command).await?)
    }
}

impl WrkLatencies {
    /// Reads the line that the script prints last.
    fn parse(printed: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Summary {
            requests: u64,
            failed: u64,
            p50_us: f64,
            p99_us: f64,
        }
        let line = printed.lines().last().unwrap_or_default();
        let summary: Summary =
            serde_json::from_str(line).with_context(|| format!("`{PROGRAM}` printed\n{}", printed.trim_end()))?;
        let Summary { requests, failed, p50_us, p99_us } = summary;
        ensure!(requests > 0 && failed == 0, "of {requests} requests by `{PROGRAM}` {failed} failed");
        Ok(Self { p50_ms: p50_us / 1e3, p99_ms: p99_us / 1e3 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latencies_are_in_the_last_line_unless_a_request_failed() {
        let printed = |requests: u64, failed: u64| {
            format!(
                "Running 1s test @ http://127.0.0.1:1/\n  1 threads\n\
                 {{\"requests\":{requests},\"failed\":{failed},\"p50_us\":1500,\"p99_us\":4000}}\n"
            )
        };
        let found = WrkLatencies::parse(&printed(9, 0)).unwrap();
        assert_eq!((found.p50_ms, found.p99_ms), (1.5, 4.0));
        for (printed, reason) in [
            (printed(9, 1), "of 9 requests by `wrk` 1 failed"),
            (printed(0, 0), "of 0 requests"),
            ("unable to connect\n".to_owned(), "`wrk` printed\nunable to connect"),
            (String::new(), "`wrk` printed"),
        ] {
            let error = WrkLatencies::parse(&printed).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
