//! The command `cargo dev`.

use std::process::ExitCode;

use anyhow::Result;
use cargo_dev::{
    commands::{Arguments, Command, exit_code, up::Language},
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
        Command::Register(register) => register.run(progress).await,
        Command::Reproduce(reproduce) => reproduce.run(progress).await,
        Command::Sbom(sbom) => sbom.run().await,
        Command::Simulate(simulate) => Ok(simulate.run()),
        Command::Audit(audit) => audit.run().await,
        Command::Up(up) => {
            let runner = up.host.runner(|_| ()).await?;
            let components: &[Component] = match up.example {
                // The sign-in app is built once the API serves.
                None => &[Component::Api],
                Some(Language::Rust) => &[Component::Entra, Component::RustExample],
                Some(Language::Javascript | Language::Python) => &[Component::Entra],
            };
            hand_over(HARNESS, Some(runner), components, progress).await
        }
        Command::Call(call) => {
            let runner = call.host.runner(|_| ()).await?;
            hand_over(HARNESS, Some(runner), &[Component::Api], progress).await
        }
        Command::Deep(deep) => {
            let runner = deep.runner()?.checked().await?;
            hand_over(HARNESS, Some(runner), &[Component::Api], progress).await
        }
        Command::Token(_) | Command::Env(_) | Command::Record(_) => hand_over(HARNESS, None, &[], progress).await,
        Command::Bench(bench) => {
            let runner = bench.runner().checked().await?;
            hand_over(BENCH, Some(runner), &[Component::Api, Component::PassThrough], progress).await
        }
    }
}
