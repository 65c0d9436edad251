//! The command `cargo dev`.

use std::process::ExitCode;

use anyhow::Result;
use cargo_dev::{
    commands::{Arguments, Command, exit_code, up::Language},
    component::Component,
    handover::{BENCH, HARNESS, hand_over},
    progress::Progress,
    spin_program::SpinProgram,
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
        Command::Register(register) => register.run(progress).await,
        Command::Reproduce(reproduce) => reproduce.run(progress).await,
        Command::Sbom(sbom) => sbom.run().await,
        Command::Simulate(simulate) => Ok(simulate.run()),
        Command::Audit(audit) => audit.run().await,
        Command::Up(up) => {
            find_spin(up.spin).await?;
            let components: &[Component] = match up.example {
                // The sign-in app is built once the API serves.
                None => &[Component::Api],
                Some(Language::Rust) => &[Component::Entra, Component::RustExample],
                Some(Language::Javascript | Language::Python) => &[Component::Entra],
            };
            hand_over(HARNESS, components, progress).await
        }
        Command::Call(_) => hand_over(HARNESS, &[Component::Api], progress).await,
        Command::Deep(deep) => {
            find_spin(deep.spin).await?;
            hand_over(HARNESS, &[Component::Api], progress).await
        }
        Command::Token(_) | Command::Env(_) | Command::Record(_) => hand_over(HARNESS, &[], progress).await,
        Command::Bench(bench) => {
            find_spin(bench.spin).await?;
            hand_over(BENCH, &[Component::Api, Component::PassThrough], progress).await
        }
        Command::ServeHost => hand_over(BENCH, &[], progress).await,
    }
}

/// Fails if the real Spin is requested and missing or too old, before minutes are spent on building.
async fn find_spin(is_requested: bool) -> Result<()> {
    if is_requested {
        SpinProgram::find().await?;
    }
    Ok(())
}
