//! `cargo dev serve-host`: the embedded host in a process of its own, for `cargo dev bench`.

use std::{
    io::{Read, Write, stdin, stdout},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::Args;
use serde::Deserialize;

use crate::host::{HostOptions, RunningHost};

/// Serve what the JSON on standard input describes, until standard input ends.
#[derive(Args, Debug)]
pub struct ServeHost {}

impl ServeHost {
    /// Reads the options, prints `Serving <url>` and serves.
    ///
    /// # Errors
    /// When the options are none, or the host does not start.
    pub async fn run(self) -> Result<ExitCode> {
        let options = tokio::task::spawn_blocking(read_options).await??;
        let host = RunningHost::start(options).await?;
        let mut output = stdout();
        writeln!(output, "Serving {}", host.url()).and_then(|()| output.flush()).context("cannot say the address")?;
        // Whoever started this is gone when its end of the pipe is, however it ended.
        tokio::task::spawn_blocking(|| stdin().read_to_end(&mut Vec::new())).await?.context("standard input")?;
        host.stop().await;
        Ok(ExitCode::SUCCESS)
    }
}

/// One JSON value; what follows it is not waited for.
fn read_options() -> Result<HostOptions> {
    let mut values = serde_json::Deserializer::from_reader(stdin().lock());
    HostOptions::deserialize(&mut values).context("standard input holds no description of a host")
}
