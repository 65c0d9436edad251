//! The command `cargo dev`.

use std::process::ExitCode;

use anyhow::Result;
use cargo_dev::{
    commands::{Arguments, Command, exit_code, host_choice::HostChoice, up::Language},
    component::Component,
    handover::{BENCH, HARNESS, Host, hand_over},
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
            let host = choose(up.host, progress).await?;
            let components: &[Component] = match up.example {
                // The sign-in app is built once the API serves.
                None => &[Component::Api],
                Some(Language::Rust) => &[Component::Entra, Component::RustExample],
                Some(Language::Javascript | Language::Python) => &[Component::Entra],
            };
            hand_over(HARNESS, host, components, progress).await
        }
        Command::Call(call) => {
            let host = choose(call.host, progress).await?;
            hand_over(HARNESS, host, &[Component::Api], progress).await
        }
        Command::Deep(deep) => hand_over(HARNESS, requested(deep.spin).await?, &[Component::Api], progress).await,
        Command::Token(_) | Command::Env(_) | Command::Record(_) => {
            hand_over(HARNESS, Host::Other, &[], progress).await
        }
        Command::Bench(bench) => {
            let components = [Component::Api, Component::PassThrough];
            hand_over(BENCH, requested(bench.spin).await?, &components, progress).await
        }
    }
}

async fn choose(choice: HostChoice, progress: Progress) -> Result<Host> {
    let host = choice.host().await?;
    if host == Host::Embedded && !choice.embedded {
        progress.note("Spin 4.1 or newer is not installed, so the embedded host serves in its place");
    }
    Ok(host)
}

/// The real Spin if it is requested, which fails if that is missing or too old, before minutes are spent on building.
async fn requested(spin: bool) -> Result<Host> {
    HostChoice { spin, embedded: !spin }.host().await
}
