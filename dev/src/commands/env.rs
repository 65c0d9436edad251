//! `cargo dev env`

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::run::find_running;

/// Prints `export NAME='value'` for each variable.
///
/// # Errors
/// If nothing is running, or an example.
pub async fn run() -> Result<ExitCode> {
    let running = find_running()
        .await?
        .context("no application is running: start one with `cargo dev up` in another terminal")?;
    ensure!(
        !running.spin_environment.is_empty(),
        "what is running is an example, whose settings are in its own manifest: start `cargo dev up` without --example"
    );
    for (name, value) in running.spin_environment {
        println!("export {name}={}", quoted(&value));
    }
    Ok(ExitCode::SUCCESS)
}

/// The value as one word of a POSIX shell.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn values_are_one_word_each() {
        assert_eq!(quoted("a b$c"), "'a b$c'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
