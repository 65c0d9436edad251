//! The `cargo dev` command.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use console::style;
use profile_get_dev::{
    commands::{
        bench::Bench, build::Build, call::Call, check::Check, deep::Deep, fuzz::Fuzz, record::Record,
        reproduce::Reproduce, sbom::Sbom, serve_host::ServeHost, token::Token, up::Up,
    },
    progress::Progress,
};

/// The developer's harness of profile-get: run, call and check the API on this machine, without an Azure account.
#[derive(Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Show what the tools that are run (cargo, the component) print.
    #[arg(long, short, global = true)]
    verbose: bool,
}

#[derive(Subcommand)]
enum Command {
    Up(Up),
    Call(Call),
    Token(Token),
    Build(Build),
    Check(Check),
    Bench(Bench),
    Fuzz(Fuzz),
    Record(Record),
    Deep(Deep),
    Reproduce(Reproduce),
    Sbom(Sbom),
    #[command(hide = true)]
    ServeHost(ServeHost),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{} {error:#}", style("error:").for_stderr().red().bold());
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let progress = Progress::new(arguments.verbose);
    match arguments.command {
        Command::Up(up) => up.run(progress).await,
        Command::Call(call) => call.run(progress).await,
        Command::Token(token) => token.run().await,
        Command::Build(build) => build.run(progress).await,
        Command::Check(check) => check.run(progress).await,
        Command::Bench(bench) => bench.run(progress).await,
        Command::Fuzz(fuzz) => fuzz.run(progress).await,
        Command::Record(record) => record.run().await,
        Command::Deep(deep) => deep.run(progress).await,
        Command::Reproduce(reproduce) => reproduce.run(progress).await,
        Command::Sbom(sbom) => sbom.run().await,
        Command::ServeHost(serve_host) => serve_host.run().await,
    }
}
