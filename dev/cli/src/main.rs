//! The command `cargo dev`.

use std::process::ExitCode;

use anyhow::Result;
use cargo_dev::{
    commands::{Arguments, Command, exit_code},
    component::Component,
    handover::{BENCH, HARNESS, hand_over},
    progress::Progress,
};
use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(Arguments::parse()).await)
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let progress = Progress::new(arguments.verbose);
    match arguments.command {
        Command::Build(build) => build.run(progress).await,
        Command::Check(check) => check.run(progress).await,
        Command::Fuzz(fuzz) => fuzz.run(progress).await,
        Command::Reproduce(reproduce) => reproduce.run(progress).await,
        Command::Sbom(sbom) => sbom.run().await,
        Command::Up(_) => hand_over(HARNESS, &[Component::Api, Component::SignInApp], progress).await,
        Command::Call(_) | Command::Deep(_) => hand_over(HARNESS, &[Component::Api], progress).await,
        Command::Token(_) | Command::Record(_) => hand_over(HARNESS, &[], progress).await,
        Command::Bench(_) | Command::ServeHost => hand_over(BENCH, &[], progress).await,
    }
}
