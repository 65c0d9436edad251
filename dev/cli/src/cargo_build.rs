//! Runs a cargo build and shows its progress.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::Command,
};

use crate::progress::{Progress, Step};

/// The name that cargo gives to the build script of every crate.
const BUILD_SCRIPT: &str = "build-script-build";

/// Runs `cargo`, which builds `what`, and returns the built file called `file_name`.
///
/// # Errors
/// If cargo cannot be started, the build fails (the error contains the compiler's output), or there is no such file.
pub(crate) async fn build(
    what: &str,
    file_name: &str,
    cargo: &mut Command,
    progress: Progress,
    step: &Step,
) -> Result<PathBuf> {
    cargo.arg("--message-format=json-render-diagnostics");
    let stderr = if progress.is_verbose() {
        Stdio::inherit()
    } else {
        cargo.arg("--quiet");
        Stdio::piped()
    };
    if console::colors_enabled_stderr() {
        cargo.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = cargo
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .kill_on_drop(true)
        .spawn()
        .context("cargo could not be started")?;
    let messages = child.stdout.take().context("cargo's messages")?;
    let (artifact, printed) = tokio::try_join!(follow(messages, file_name, step), read_all(child.stderr.take()))?;
    let status = child.wait().await?;
    if !status.success() {
        bail!("{what} cannot be built (cargo ended with {status})\n{}", printed.trim_end());
    }
    artifact.with_context(|| format!("cargo built no {file_name}"))
}

/// Shows each compiled crate until the build ends.
async fn follow(messages: impl AsyncRead + Unpin, file_name: &str, step: &Step) -> Result<Option<PathBuf>> {
    let mut lines = BufReader::new(messages).lines();
    let mut compiled = 0_usize;
    let mut artifact = None;
    while let Some(line) = lines.next_line().await? {
        let Ok(Message::CompilerArtifact { target, filenames, fresh }) = serde_json::from_str(&line) else { continue };
        if !fresh && target.name != BUILD_SCRIPT {
            compiled += 1;
            step.detail(&format!("{compiled} crates, {}", target.name));
        }
        let is_ours = |file: &PathBuf| file.file_name().is_some_and(|name| name == file_name);
        artifact = filenames.into_iter().find(is_ours).or(artifact);
    }
    Ok(artifact)
}

async fn read_all(stream: Option<impl AsyncRead + Unpin>) -> Result<String> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut bytes).await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The messages of `cargo --message-format=json` that matter here.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact {
        target: Target,
        filenames: Vec<PathBuf>,
        /// Whether an earlier build made it.
        fresh: bool,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_component_is_found_among_cargos_messages() {
        let messages = r#"{"reason":"build-script-executed","package_id":"serde"}
{"reason":"compiler-artifact","target":{"name":"serde","kind":["lib"]},"filenames":["/t/libserde.rlib"],"fresh":true}
not a message
{"reason":"compiler-artifact","target":{"name":"one"},"filenames":["/t/libone.rlib","/t/one.wasm"],"fresh":false}
{"reason":"build-finished","success":true}
"#;
        let step = Progress::default().step("reading messages in a test");
        let artifact = follow(messages.as_bytes(), "one.wasm", &step).await.unwrap();
        assert_eq!(artifact, Some(PathBuf::from("/t/one.wasm")));
    }

    #[tokio::test]
    async fn a_failing_build_shows_the_compilers_output() {
        let mut cargo = Command::new("sh");
        cargo.args(["-c", "echo 'error[E0308]: mismatched types' >&2; exit 101"]);
        let progress = Progress::default();
        let step = progress.step("failing in a test");
        let error = build("the component", "one.wasm", &mut cargo, progress, &step).await.unwrap_err().to_string();
        assert!(error.starts_with("the component cannot be built"), "{error}");
        assert!(error.contains("E0308"), "{error}");
    }
}
