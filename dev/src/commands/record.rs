//! `cargo dev record`

use std::{
    io::{BufRead, stdin},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Result;
use clap::Args;
use console::style;

use crate::{
    record::{self, Gaps, Report, Settings},
    workspace,
};

/// Record what a real tenant answers, for the emulated one to be compared with.
///
/// Sends the requests of the component and of its host to the tenant that record.toml names, and writes the answers to
/// dev/tenant/recordings, without anything that belongs to that tenant. Sends nothing unless the domain in record.toml is
/// the tenant's own. dev/tenant/README.md tells what it needs.
#[derive(Args, Debug)]
pub struct Record {
    /// Which tenant.
    #[arg(value_name = "FILE", default_value_os_t = workspace::root().join("record.toml"))]
    file: PathBuf,
    /// Record also what people feel: revoked sessions, policies that block them or ask them for more.
    #[arg(long)]
    disruptive: bool,
    /// Send nothing: only list what is not recorded, and what was recorded long ago.
    #[arg(long)]
    list: bool,
}

impl Record {
    /// Records, and lists what is left to record.
    ///
    /// # Errors
    /// When record.toml is missing or wrong, or the domain is not the tenant's.
    pub async fn run(self) -> Result<ExitCode> {
        let folder = record::folder();
        let mut code = ExitCode::SUCCESS;
        if !self.list {
            let settings = Settings::read(&self.file)?;
            let report = record::record(&settings, &folder, self.disruptive, &wait_for_enter).await?;
            print(&report);
            if !report.failed.is_empty() {
                code = ExitCode::FAILURE;
            }
        }
        let Gaps { missing, second_hand, stale } = Gaps::find(&folder)?;
        if !missing.is_empty() {
            println!("{} {}", style("Without a recording:").yellow(), missing.join(", "));
        }
        if !second_hand.is_empty() {
            println!("Known from public sources only: {}", second_hand.join(", "));
        }
        for (name, days) in stale {
            println!("{} {name}, {days} days ago", style("Recorded long ago:").yellow());
        }
        Ok(code)
    }
}

fn print(report: &Report) {
    for (name, changes) in &report.written {
        match changes.as_deref() {
            None => println!("{} {name}: recorded for the first time", style("✓").green()),
            Some([]) => println!("{} {name}: as before", style("✓").green()),
            Some(changes) => {
                println!("{} {name}: not as before", style("!").yellow());
                changes.iter().for_each(|change| println!("    {change}"));
            }
        }
    }
    for (name, what) in &report.lacking {
        println!("- {name}: not asked, since record.toml and the environment lack {what}");
    }
    for (name, problem) in &report.failed {
        println!("{} {name}: {problem}", style("✗").red());
    }
}

async fn wait_for_enter(task: &str) -> Result<()> {
    eprintln!("{task} Then press Enter.");
    tokio::task::spawn_blocking(|| stdin().lock().read_line(&mut String::new())).await??;
    Ok(())
}
