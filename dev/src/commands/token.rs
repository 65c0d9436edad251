//! `cargo dev token`

use std::process::ExitCode;

use anyhow::{Context, Result};
use cargo_dev::commands::token::Token;

use crate::run::find_running;

/// Prints the token.
///
/// # Errors
/// If nothing is running, or there is no such person.
pub async fn run(arguments: Token) -> Result<ExitCode> {
    let running = find_running()
        .await?
        .context("no application is running: start one with `cargo dev up` in another terminal")?;
    println!("{}", running.access_token(&arguments.person).await?);
    Ok(ExitCode::SUCCESS)
}
