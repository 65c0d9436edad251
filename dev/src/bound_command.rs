//! Programs that end when this process ends, even if it is killed.

use std::{ffi::OsStr, process::Stdio, time::Duration};

use anyhow::{Context, Result};
use tokio::process::{Child, ChildStdin, Command};

/// How long a program may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// Waits in the background for the end of standard input, which is the end of the process that holds its other side.
/// Then it interrupts the process group, and later kills it. The program itself replaces the shell.
const SCRIPT: &str = r#"
exec 3<&0 </dev/null
{ read -r _ <&3; kill -INT -$$; sleep "$0"; kill -KILL -$$; } >/dev/null 2>&1 &
exec 3<&-
exec "$@"
"#;

/// The lifeline of a program: it ends when this is dropped.
#[derive(Debug)]
pub struct Lifeline {
    _stdin: ChildStdin,
}

/// A command for `program`, to be started by [`spawn`]. It has no standard input.
pub fn bound_command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", SCRIPT, &GRACE.as_secs().to_string()]).arg(program);
    command.stdin(Stdio::piped()).process_group(0);
    command
}

/// Starts a [`bound_command`] in a process group of its own.
///
/// # Errors
/// If it cannot be started.
pub fn spawn(command: &mut Command) -> Result<(Child, Lifeline)> {
    let mut child = command.spawn()?;
    let stdin = child.stdin.take().context("the program has no lifeline")?;
    Ok((child, Lifeline { _stdin: stdin }))
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_program_and_its_children_end_with_the_lifeline() {
        let mut command = bound_command("sh");
        command.args(["-c", "sleep 600 & echo started; wait"]).stdout(Stdio::piped());
        let (child, lifeline) = spawn(&mut command).unwrap();
        drop(lifeline);
        // The output ends when all processes that hold it have ended.
        let output = timeout(GRACE * 4, child.wait_with_output()).await.expect("a process lives on").unwrap();
        assert_eq!(output.status.code(), None, "it ended by itself: {output:?}");
    }

    #[tokio::test]
    async fn a_program_keeps_its_exit_code_and_arguments() {
        let mut command = bound_command("sh");
        command.args(["-c", "printf '%s|' \"$@\"; cat; exit 7", "sh", "a b", "c"]).stdout(Stdio::piped());
        let (child, _lifeline) = spawn(&mut command).unwrap();
        let output = timeout(GRACE, child.wait_with_output()).await.unwrap().unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(7), b"a b|c|".as_slice()));
    }
}
