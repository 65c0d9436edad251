//! The embedded host as a program: takes the options of `spin up`, and prints what Spin prints.

use std::{
    collections::BTreeMap,
    env,
    io::{self, Write},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::Parser;
use embedded_host::{CommandLine, RunningHost, UpOptions};
use tokio::signal::ctrl_c;

#[tokio::main]
async fn main() -> ExitCode {
    let CommandLine::Up(options) = CommandLine::parse();
    match serve(*options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: UpOptions) -> Result<()> {
    // Names and values that are not UTF-8 are left out.
    let environment: BTreeMap<_, _> = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let host = RunningHost::start(options, environment).await?;
    let mut output = io::stdout();
    writeln!(output, "Serving {}", host.url()).and_then(|()| output.flush()).context("cannot print the address")?;
    ctrl_c().await.context("cannot wait for Ctrl-C")?;
    host.stop().await;
    Ok(())
}
