//! The embedded host in a process of its own, so that its cost can be measured separately.

use std::{
    io::{Read, Write, stdin, stdout},
    process::ExitCode,
};

use anyhow::{Context, Result};
use embedded_host::{HostOptions, RunningHost};
use serde::Deserialize;

/// Reads the options as JSON from standard input, prints `Serving <url>` and serves until standard input ends.
///
/// # Errors
/// If the options cannot be read, or the host does not start.
pub async fn serve_host() -> Result<ExitCode> {
    let options = tokio::task::spawn_blocking(read_options).await??;
    let host = RunningHost::start(options).await?;
    let mut output = stdout();
    writeln!(output, "Serving {}", host.url()).and_then(|()| output.flush()).context("cannot print the address")?;
    // The pipe ends when the parent process does, even if that is killed.
    tokio::task::spawn_blocking(|| stdin().read_to_end(&mut Vec::new())).await?.context("standard input")?;
    host.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Reads one JSON value and does not wait for the end of the input.
fn read_options() -> Result<HostOptions> {
    let mut values = serde_json::Deserializer::from_reader(stdin().lock());
    HostOptions::deserialize(&mut values).context("standard input does not describe a host")
}
