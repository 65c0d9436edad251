//! Builds the component a second time in another folder and compares the bytes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};
use tokio::{fs, process::Command};

use crate::{
    component::Component,
    programs::output_of,
    progress::Progress,
    toolchain::WasmToolchain,
    workspace::{self, TARGET},
};

/// Two builds of the component: in this folder, and in a copy with a target folder of its own.
#[derive(Debug)]
pub struct Reproduction {
    /// SHA-256 of the component built here, in hexadecimal.
    pub here: String,
    /// SHA-256 of the component built elsewhere.
    pub elsewhere: String,
    /// Whether the component contains this folder's name.
    pub names_this_folder: bool,
}

impl Reproduction {
    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let Self { here, elsewhere, .. } = self;
        if self.names_this_folder {
            return Some("the component holds the name of the folder that it was built in".to_owned());
        }
        (here != elsewhere).then(|| format!("two builds differ: {here} here, {elsewhere} elsewhere"))
    }
}

/// Builds a copy of the sources in a folder whose name has another length. This takes as long as a first build.
///
/// # Errors
/// If git cannot list the sources, or a build fails.
pub async fn reproduce(progress: Progress) -> Result<Reproduction> {
    let here = fs::read(Component::Api.build(progress).await?).await?;
    let step = progress.step("Building the component once more, elsewhere");
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let (sources, target) = (folder.path().join("elsewhere/sources"), folder.path().join("built"));
    copy_sources(&sources).await?;
    let mut cargo = WasmToolchain::provide(progress).await?.cargo("rustc")?;
    cargo.args(Component::Api.build_arguments()).current_dir(&sources).env("CARGO_TARGET_DIR", &target);
    output_of(cargo.arg("--quiet")).await.context("the build elsewhere")?;
    let elsewhere = fs::read(target.join(TARGET).join("release/profile_get.wasm")).await?;
    step.done("Built the component once more, elsewhere");
    let this_folder = workspace::root().as_os_str().as_encoded_bytes();
    Ok(Reproduction {
        names_this_folder: here.windows(this_folder.len()).any(|part| part == this_folder),
        here: sha256(&here),
        elsewhere: sha256(&elsewhere),
    })
}

/// The files that git tracks or would track, without deleted ones.
async fn copy_sources(to: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.current_dir(workspace::root()).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let files = output_of(&mut git).await.context("the list of the sources")?;
    let files: Vec<PathBuf> = files.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
    ensure!(files.contains(&PathBuf::from("spin.toml")), "git does not know this project's files");
    for file in files {
        let (from, to) = (workspace::root().join(&file), to.join(&file));
        if !from.is_file() {
            continue;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).await?;
        }
        fs::copy(&from, &to).await.with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(())
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
