//! `cargo dev record`

use std::{
    io::{BufRead, stdin},
    process::ExitCode,
};

use anyhow::Result;
use cargo_dev::commands::record::Record;
use console::style;

use crate::record::{self, Gaps, Report, Settings};

/// Records, and lists what is left to record.
///
/// # Errors
/// If record.toml is missing or wrong, or the domain does not belong to the tenant.
pub async fn run(arguments: Record) -> Result<ExitCode> {
    let folder = record::folder();
    let mut code = ExitCode::SUCCESS;
    if !arguments.list {
        let settings = Settings::read(&arguments.file)?;
        let report = record::record(&settings, &folder, arguments.disruptive, &wait_for_enter).await?;
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
