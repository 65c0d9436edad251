//! The program of `cargo dev bench`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use cargo_dev::{
    commands::{Arguments, Command, exit_code},
    progress::Progress,
};
use clap::Parser;
use profile_get_bench::run;

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(carry_out(Arguments::parse()).await)
}

async fn carry_out(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Bench(bench) => run(&bench, Progress::new(arguments.verbose)).await,
        _ => bail!("this program only measures: use `cargo dev`"),
    }
}
