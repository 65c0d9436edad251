//! Runs a cargo build and shows its progress.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::Command,
};

use crate::{
    progress::{Progress, Step},
    workspace::{self, TARGET},
};

/// The name that cargo gives to the build script of every crate.
const BUILD_SCRIPT: &str = "build-script-build";
/// The level of a diagnostic that does not fail the build.
const WARNING: &str = "warning";

/// Runs `cargo`, which builds `what`, and returns the built files with these names, in the same order.
///
/// # Errors
/// As [`run`], or if there is no such file.
pub(crate) async fn build(
    what: &str,
    names: &[&str],
    cargo: &mut Command,
    progress: Progress,
    step: &Step,
) -> Result<Vec<PathBuf>> {
    let mut built = Vec::new();
    run(what, cargo, progress, step, |artifact| built.extend(artifact.filenames)).await?;
    let of_name = |name: &&str| {
        let file = built.iter().find(|file| file.file_name().is_some_and(|found| found == *name));
        file.cloned().with_context(|| format!("cargo built no {name}"))
    };
    names.iter().map(of_name).collect()
}

/// Runs `cargo`, which builds `what`, passes each artifact to `collect`, and returns the compiler's warnings.
///
/// # Errors
/// If cargo cannot be started, or the build fails. The error contains the compiler's output.
pub(crate) async fn run(
    what: &str,
    cargo: &mut Command,
    progress: Progress,
    step: &Step,
    collect: impl FnMut(Artifact),
) -> Result<Vec<String>> {
    let has_colors = console::colors_enabled_stderr();
    cargo.arg(if has_colors { "--message-format=json-diagnostic-rendered-ansi" } else { "--message-format=json" });
    if is_locked(&lock_of(cargo)) {
        progress.note(&format!("{what} waits for another build to end"));
    }
    let stderr = if progress.is_verbose() {
        Stdio::inherit()
    } else {
        cargo.arg("--quiet");
        Stdio::piped()
    };
    if has_colors {
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
    let follow = follow(messages, step, progress, collect);
    let (diagnostics, printed) = tokio::try_join!(follow, read_all(child.stderr.take()))?;
    let status = child.wait().await?;
    if !status.success() {
        let errors = if progress.is_verbose() { String::new() } else { diagnostics.errors.concat() };
        bail!("{what} cannot be built (cargo ended with {status})\n{errors}{}", printed.trim_end());
    }
    Ok(diagnostics.warnings)
}

/// What this cargo locks while it builds.
fn lock_of(cargo: &Command) -> PathBuf {
    let has = |wanted: &str| cargo.as_std().get_args().any(|argument| argument == wanted);
    let target = if has(TARGET) { workspace::target().join(TARGET) } else { workspace::target() };
    target.join(if has("--release") { "release" } else { "debug" }).join(".cargo-lock")
}

/// Whether another cargo holds the lock. `cargo --quiet` waits for it and says nothing.
fn is_locked(lock: &Path) -> bool {
    File::open(lock).is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

/// What the compiler complained about, each once.
#[derive(Debug, Default)]
struct Diagnostics {
    errors: Vec<String>,
    warnings: Vec<String>,
}

/// Shows each compiled crate until the build ends.
async fn follow(
    messages: impl AsyncRead + Unpin,
    step: &Step,
    progress: Progress,
    mut collect: impl FnMut(Artifact),
) -> Result<Diagnostics> {
    let mut lines = BufReader::new(messages).lines();
    let mut compiled = 0_usize;
    let mut diagnostics = Diagnostics::default();
    while let Some(line) = lines.next_line().await? {
        match serde_json::from_str(&line) {
            Ok(BuildEvent::CompilerArtifact(artifact)) => {
                if !artifact.fresh && artifact.target.name != BUILD_SCRIPT {
                    compiled += 1;
                    step.detail(&format!("{compiled} crates, {}", artifact.target.name));
                }
                collect(artifact);
            }
            Ok(BuildEvent::CompilerMessage { message: Diagnostic { level, rendered: Some(rendered) } }) => {
                // `2 warnings emitted`, `aborting due to 1 previous error`.
                if is_summary(&rendered) {
                    continue;
                }
                let of_its_level = if level == WARNING { &mut diagnostics.warnings } else { &mut diagnostics.errors };
                // A library and its tests are compiled from the same lines.
                if !of_its_level.contains(&rendered) {
                    if progress.is_verbose() {
                        eprint!("{rendered}");
                    }
                    of_its_level.push(rendered);
                }
            }
            _ => {}
        }
    }
    Ok(diagnostics)
}

/// Whether a diagnostic, which can have colours, only counts others.
fn is_summary(rendered: &str) -> bool {
    ["warning emitted", "warnings emitted", "aborting due to "].iter().any(|words| rendered.contains(words))
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
enum BuildEvent {
    CompilerArtifact(Artifact),
    CompilerMessage {
        message: Diagnostic,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    /// As the compiler prints it.
    rendered: Option<String>,
}

/// What the compiler built for one target of a package.
#[derive(Debug, Deserialize)]
pub(crate) struct Artifact {
    pub(crate) manifest_path: PathBuf,
    pub(crate) target: Target,
    pub(crate) profile: Profile,
    pub(crate) executable: Option<PathBuf>,
    filenames: Vec<PathBuf>,
    /// Whether an earlier build made it.
    fresh: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Profile {
    /// Whether it is a test program.
    pub(crate) test: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: &str = r#"{"reason":"build-script-executed","package_id":"serde"}
{"reason":"compiler-artifact","manifest_path":"/serde/Cargo.toml","target":{"name":"serde"},"profile":{"test":false},
 "filenames":["/t/libserde.rlib"],"executable":null,"fresh":true}
not a message
{"reason":"compiler-artifact","manifest_path":"/one/Cargo.toml","target":{"name":"one"},"profile":{"test":false},
 "filenames":["/t/libone.rlib","/t/one.wasm"],"executable":null,"fresh":false}
{"reason":"build-finished","success":true}"#;

    #[tokio::test]
    async fn the_component_is_found_among_cargos_messages() {
        let mut cargo = Command::new("sh");
        cargo.args(["-c", "echo \"$MESSAGES\""]).env("MESSAGES", MESSAGES.replace("\n ", ""));
        let progress = Progress::default();
        let step = progress.step("reading messages in a test");
        let files = build("one", &["one.wasm"], &mut cargo, progress, &step).await.unwrap();
        assert_eq!(files, [PathBuf::from("/t/one.wasm")]);
    }

    const DIAGNOSTICS: &str = r#"{"reason":"compiler-message","message":{"level":"warning","rendered":"warning: unused\n"}}
{"reason":"compiler-message","message":{"level":"error","rendered":"error[E0308]: mismatched types\n"}}
{"reason":"compiler-message","message":{"level":"warning","rendered":"warning: unused\n"}}
{"reason":"compiler-message","message":{"level":"warning","rendered":"warning: 1 warning emitted\n\n"}}
{"reason":"compiler-message","message":{"level":"error","rendered":"error: aborting due to 1 previous error; 1 warning emitted\n\n"}}"#;

    #[tokio::test]
    async fn a_failing_build_shows_the_compilers_errors_and_what_cargo_printed() {
        let mut cargo = Command::new("sh");
        cargo.args(["-c", "printf '%s\\n' \"$MESSAGES\"; echo 'error: could not compile' >&2; exit 101"]);
        cargo.env("MESSAGES", DIAGNOSTICS);
        let progress = Progress::default();
        let step = progress.step("failing in a test");
        let error = build("the component", &["one.wasm"], &mut cargo, progress, &step).await.unwrap_err().to_string();
        assert!(error.starts_with("the component cannot be built"), "{error}");
        assert!(error.ends_with("\nerror[E0308]: mismatched types\nerror: could not compile"), "{error}");
    }

    #[tokio::test]
    async fn a_warning_is_returned_once() {
        let mut cargo = Command::new("sh");
        cargo.args(["-c", "printf '%s\\n' \"$MESSAGES\""]).env("MESSAGES", DIAGNOSTICS);
        let progress = Progress::default();
        let step = progress.step("warning in a test");
        let warnings = run("the tests", &mut cargo, progress, &step, |_| {}).await.unwrap();
        assert_eq!(warnings, ["warning: unused\n"]);
    }

    #[test]
    fn a_lock_that_another_holds_is_noticed() {
        let mut cargo = Command::new("cargo");
        cargo.args(["rustc", "--target", TARGET, "--release"]);
        assert!(lock_of(&cargo).ends_with("target/wasm32-wasip2/release/.cargo-lock"));
        assert!(lock_of(&Command::new("cargo")).ends_with("target/debug/.cargo-lock"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".cargo-lock");
        assert!(!is_locked(&path));
        let lock = File::create(&path).unwrap();
        assert!(!is_locked(&path));
        lock.lock().unwrap();
        assert!(is_locked(&path));
    }
}
