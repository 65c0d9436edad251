//! The commands of `cargo dev`, one file for each.
//!
//! Of a command that needs a host or a tenant, only the arguments are here. The program that [`crate::handover`] builds
//! runs it.

pub mod audit;
pub mod bench;
pub mod build;
pub mod call;
pub mod check;
pub mod deep;
pub mod env;
pub mod fuzz;
pub mod host_choice;
pub mod record;
pub mod register;
pub mod reproduce;
pub mod sbom;
pub mod simulate;
pub mod token;
pub mod up;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use console::style;

/// The developer's harness of profile-get: run, call and check the API on this machine, without an Azure account.
#[derive(Debug, Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev", version)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Show the output of the tools that are run, such as cargo.
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "clap shows the documentation of each type in its help")]
pub enum Command {
    Up(up::Up),
    Call(call::Call),
    Token(token::Token),
    Env(env::Env),
    Build(build::Build),
    Check(check::Check),
    Bench(bench::Bench),
    Fuzz(fuzz::Fuzz),
    Record(record::Record),
    Register(register::Register),
    Deep(deep::Deep),
    Reproduce(reproduce::Reproduce),
    Sbom(sbom::Sbom),
    Simulate(simulate::Simulate),
    Audit(audit::Audit),
}

/// The exit code for `outcome`. Prints its error.
pub fn exit_code(outcome: Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        eprintln!("{} {error:#}", style("error:").for_stderr().red().bold());
        ExitCode::FAILURE
    })
}
