//! Builds the Wasm components and puts them where their `spin.toml` looks for them.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context, Result, bail};
use indicatif::DecimalBytes;
use serde::Deserialize;
use tokio::{
    fs,
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::Command,
    sync::OnceCell,
};

use crate::{
    progress::{Progress, Step},
    toolchain::{TARGET, WasmToolchain},
    workspace,
};

/// cargo's name for every crate's build script.
const BUILD_SCRIPT: &str = "build-script-build";

/// A component of this project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// `GET /api/profile-get`.
    Api,
    /// The app that signs a person in and calls the API.
    SignInApp,
    /// The floor that `cargo dev bench` measures against.
    PassThrough,
    /// What measures RS256 in Wasm for `cargo dev bench`.
    Rs256,
}

impl Component {
    /// The built component's file, which is the `source` in its manifest. It is built at the first call of a process.
    ///
    /// # Errors
    /// When no compiler can be had (see [`WasmToolchain::provide`]) or the component does not compile; the error then
    /// holds the compiler's output.
    pub async fn build(self, progress: Progress) -> Result<PathBuf> {
        static API: OnceCell<PathBuf> = OnceCell::const_new();
        static SIGN_IN_APP: OnceCell<PathBuf> = OnceCell::const_new();
        static PASS_THROUGH: OnceCell<PathBuf> = OnceCell::const_new();
        static RS256: OnceCell<PathBuf> = OnceCell::const_new();
        let built = match self {
            Self::Api => &API,
            Self::SignInApp => &SIGN_IN_APP,
            Self::PassThrough => &PASS_THROUGH,
            Self::Rs256 => &RS256,
        };
        built.get_or_try_init(|| build(self, progress)).await.cloned()
    }

    /// What `cargo rustc` is given. Of a library that tests link as well, `cargo build` would make both kinds at once, and
    /// then leave out the optimisation of the whole.
    pub(crate) fn build_arguments(self) -> [&'static str; 5] {
        ["--release", "--package", self.package(), "--lib", "--crate-type=cdylib"]
    }

    fn name(self) -> &'static str {
        match self {
            Self::Api => "component",
            Self::SignInApp => "sign-in app",
            Self::PassThrough => "pass-through",
            Self::Rs256 => "RS256 measurement",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Api => "profile-get",
            Self::SignInApp => "profile-app",
            Self::PassThrough => "bench-pass-through",
            Self::Rs256 => "bench-rs256",
        }
    }

    fn file(self) -> String {
        format!("{}.wasm", self.package().replace('-', "_"))
    }
}

async fn build(component: Component, progress: Progress) -> Result<PathBuf> {
    let toolchain = WasmToolchain::provide(progress).await?;
    let step = progress.step(&format!("Building the {}", component.name()));
    let mut cargo = toolchain.cargo("rustc")?;
    cargo.args(component.build_arguments());
    cargo.arg("--message-format=json-render-diagnostics");
    let artifact = run_cargo(component, &mut cargo, progress, &step).await?;
    let file = put_in_place(&component.file(), artifact).await?;
    let size = fs::metadata(&file).await?.len();
    step.done(&format!("Built the {}, {}", component.name(), DecimalBytes(size)));
    Ok(file)
}

/// Runs cargo and returns the file that it made for our package.
async fn run_cargo(component: Component, cargo: &mut Command, progress: Progress, step: &Step) -> Result<PathBuf> {
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
    let file = component.file();
    let (artifact, printed) = tokio::try_join!(follow(messages, &file, step), read_all(child.stderr.take()))?;
    let status = child.wait().await?;
    if !status.success() {
        let printed = printed.trim_end();
        bail!("the {} does not build for {TARGET} (cargo ended with {status})\n{printed}", component.name());
    }
    artifact.with_context(|| format!("cargo built no {file}: is package {} a `cdylib`?", component.package()))
}

/// Shows each crate as it is finished, until our own is.
async fn follow(messages: impl AsyncRead + Unpin, file_name: &str, step: &Step) -> Result<Option<PathBuf>> {
    let mut lines = BufReader::new(messages).lines();
    let mut crates = 0_usize;
    let mut artifact = None;
    while let Some(line) = lines.next_line().await? {
        let Ok(Message::CompilerArtifact { target, filenames }) = serde_json::from_str(&line) else { continue };
        if target.name != BUILD_SCRIPT {
            crates += 1;
            step.detail(&format!("{crates} crates, {}", target.name));
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

/// A cargo that is told to build elsewhere (`CARGO_TARGET_DIR`) leaves nothing where `spin.toml` looks.
async fn put_in_place(file_name: &str, artifact: PathBuf) -> Result<PathBuf> {
    let place = workspace::target().join(TARGET).join("release").join(file_name);
    if artifact != place {
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).await?;
        }
        fs::copy(&artifact, &place).await.with_context(|| format!("{} to {}", artifact.display(), place.display()))?;
    }
    Ok(place)
}

/// The messages of `cargo --message-format=json` that matter here.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact {
        target: Target,
        filenames: Vec<PathBuf>,
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
{"reason":"compiler-artifact","target":{"name":"profile_get"},"filenames":["/t/libprofile_get.rlib","/t/profile_get.wasm"]}
{"reason":"build-finished","success":true}
"#;
        let step = Progress::default().step("reading messages in a test");
        let artifact = follow(messages.as_bytes(), "profile_get.wasm", &step).await.unwrap();
        assert_eq!(artifact, Some(PathBuf::from("/t/profile_get.wasm")));
    }

    #[tokio::test]
    async fn a_failing_build_shows_the_compilers_output() {
        let mut cargo = Command::new("sh");
        cargo.args(["-c", "echo 'error[E0308]: mismatched types' >&2; exit 101"]);
        let progress = Progress::default();
        let step = progress.step("failing in a test");
        let error = run_cargo(Component::Api, &mut cargo, progress, &step).await.unwrap_err().to_string();
        assert!(error.contains("E0308"), "{error}");
        assert!(error.contains("does not build for wasm32-wasip2"), "{error}");
    }
}
