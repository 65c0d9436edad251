//! `cargo dev token`

use std::process::ExitCode;

use anyhow::{Context, Result};
use cargo_dev::commands::token::Token;

use crate::run::find_running;

/// Prints the token.
///
/// # Errors
/// When nothing is running, or nobody has that name.
pub async fn run(arguments: Token) -> Result<ExitCode> {
    let running = find_running()
        .await?
        .context("no application is running to sign in to: start one with `cargo dev up` in another terminal")?;
    println!("{}", running.access_token(&arguments.person).await?);
    Ok(ExitCode::SUCCESS)
}
