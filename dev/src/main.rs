//! Runs the commands that start a host or a tenant. `cargo dev` builds this program and replaces itself with it.

use std::process::ExitCode;

use anyhow::{Result, bail};
use cargo_dev::{
    commands::{Arguments, Command, exit_code},
    progress::Progress,
};
use clap::Parser;
use profile_get_dev::commands::{call, deep, env, record, token, up};

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(Arguments::parse()).await)
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let progress = Progress::new(arguments.verbose);
    match arguments.command {
        Command::Up(arguments) => up::run(arguments, progress).await,
        Command::Call(arguments) => call::run(arguments, progress).await,
        Command::Token(arguments) => token::run(arguments).await,
        Command::Env(_) => env::run().await,
        Command::Record(arguments) => record::run(arguments).await,
        Command::Deep(arguments) => deep::run(arguments, progress).await,
        _ => bail!("this program is the harness: use `cargo dev`"),
    }
}
