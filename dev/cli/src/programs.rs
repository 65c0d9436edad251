//! Runs other programs and captures their output.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

/// A failing program may print pages; the reason is near the end.
const LINES_OF_A_FAILURE: usize = 12;

/// Runs `command` to its end and returns what it wrote to stdout.
///
/// The program gets no input, prints English, and is killed when the future is dropped.
///
/// # Errors
/// If it cannot be started or fails. The error then contains the last lines that it printed.
pub async fn output_of(command: &mut Command) -> Result<String> {
    let name = command.as_std().get_program().display().to_string();
    let output = command
        .stdin(Stdio::null())
        .env("LC_ALL", "C")
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("`{name}` could not be started"))?;
    if !output.status.success() {
        let printed = [output.stdout, output.stderr].concat();
        bail!("`{name}` ended with {}\n{}", output.status, last_lines(&String::from_utf8_lossy(&printed)));
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{name}` printed bytes that are not UTF-8"))
}

/// The last lines of what a program printed.
pub fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let skipped = lines.len().saturating_sub(LINES_OF_A_FAILURE);
    lines.into_iter().skip(skipped).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_carries_the_last_lines_printed() {
        let mut command = Command::new("sh");
        command.args(["-c", "seq 1 50; echo reason >&2; exit 3"]);
        let error = output_of(&mut command).await.unwrap_err().to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.ends_with("reason"), "{error}");
        assert!(!error.contains("\n30\n"), "{error}");
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let error = output_of(&mut Command::new("no-such-program-here")).await.unwrap_err();
        assert!(format!("{error:#}").contains("`no-such-program-here` could not be started"));
    }
}
