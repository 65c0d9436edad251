//! A compiler from Debian's packages, unpacked into `target/wasm-toolchain`.
//!
//! Debian's `rustc-web` supports the target but has no standard library for it, so cargo builds that too
//! (`-Zbuild-std`, from `rust-web-src`). The linker for components is not in Debian and comes from the machine's own
//! Rust. The folder is renamed to its final name when it is complete, so an incomplete one is never used.

use std::{
    env,
    ffi::OsString,
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{fs, process::Command, time::sleep};

use super::{launchers, packages};
use crate::{
    programs::output_of,
    progress::{Progress, Step},
    workspace::{self, TARGET},
};

/// Increased when the folder's layout changes. A folder with another number is replaced.
const RECIPE: &str = "recipe 1";
/// Written last; contains the recipe and the packages.
const STAMP: &str = "toolchain.txt";

const LINKER: &str = "wasm-component-ld";
const POLL: Duration = Duration::from_millis(200);

/// The unpacked compiler, and the folders of the machine's own linkers.
#[derive(Debug)]
pub struct DebianToolchain {
    directory: PathBuf,
    linkers: Vec<PathBuf>,
}

impl DebianToolchain {
    /// The compiler that an earlier run unpacked, if it is complete.
    pub(super) async fn made_earlier() -> Result<Option<Self>> {
        let directory = workspace::target().join("wasm-toolchain");
        let stamp = fs::read_to_string(directory.join(STAMP)).await.unwrap_or_default();
        if stamp.lines().next() != Some(RECIPE) {
            return Ok(None);
        }
        Ok(Some(Self { directory, linkers: find_linkers().await? }))
    }

    /// Downloads and unpacks the compiler. If several processes need it at once, one does this and the others wait.
    pub(super) async fn make(progress: Progress) -> Result<Self> {
        find_linkers().await?;
        let step = progress.step("Downloading a WebAssembly compiler from Debian's packages");
        let target = workspace::target();
        fs::create_dir_all(&target).await?;
        let _lock = exclusive(&target.join("wasm-toolchain.lock"), &step).await?;
        if let Some(toolchain) = Self::made_earlier().await? {
            step.done("Another command has downloaded the WebAssembly compiler");
            return Ok(toolchain);
        }

        let unfinished = target.join("wasm-toolchain.unfinished");
        remove_if_present(&unfinished).await?;
        let packages = packages::unpack_into(&unfinished, &step).await?;
        launchers::write(&unfinished).await?;
        let listed = packages.iter().map(|package| format!("{} {}\n", package.name, package.version));
        fs::write(unfinished.join(STAMP), format!("{RECIPE}\n{}", listed.collect::<String>())).await?;

        let finished = target.join("wasm-toolchain");
        remove_if_present(&finished).await?;
        fs::rename(&unfinished, &finished).await?;
        step.done("Downloaded a WebAssembly compiler from Debian's packages");
        Self::made_earlier().await?.context("the unpacked compiler is incomplete")
    }

    /// `cargo <subcommand>` with this compiler and its clippy.
    pub(super) fn cargo(&self, subcommand: &str) -> Result<Command> {
        let programs = self.directory.join("bin");
        let mut command = if subcommand == "clippy" {
            // By default, cargo would use the clippy of the machine's own compiler.
            let mut clippy = Command::new(programs.join("cargo-clippy"));
            clippy.env("CARGO", workspace::cargo());
            clippy
        } else {
            Command::new(workspace::cargo())
        };
        command
            .args([subcommand, "-Zbuild-std=std,panic_abort", "--target", TARGET])
            .current_dir(workspace::root())
            .env("RUSTC", programs.join("rustc"))
            .env("RUSTC_BOOTSTRAP", "1")
            .env("PATH", self.path_with_linkers()?);
        Ok(command)
    }

    fn path_with_linkers(&self) -> Result<OsString> {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = self.linkers.iter().cloned().chain(env::split_paths(&path));
        env::join_paths(folders).context("the folder of Rust's linkers cannot be added to PATH")
    }
}

/// The folders of `wasm-component-ld` and of the `wasm-ld` that it runs, unless they are already on `PATH`.
async fn find_linkers() -> Result<Vec<PathBuf>> {
    let mut rustc = Command::new(workspace::rustc());
    rustc.args(["--print", "sysroot", "--print", "host-tuple"]).current_dir(workspace::root());
    let printed = output_of(&mut rustc).await?;
    let mut lines = printed.lines();
    let (sysroot, host) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let folder = Path::new(sysroot).join("lib/rustlib").join(host).join("bin");
    if folder.join(LINKER).is_file() {
        return Ok(vec![folder.join("gcc-ld"), folder]);
    }
    output_of(Command::new(LINKER).arg("--version")).await.with_context(|| {
        format!(
            "the linker {LINKER} is missing: rustup's Rust has it, else `cargo install {LINKER}` and Debian's \
             package lld provide it"
        )
    })?;
    Ok(Vec::new())
}

/// Takes the lock, after waiting for its current holder. It is released when the file is dropped or the process ends.
async fn exclusive(path: &Path, step: &Step) -> Result<File> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                step.detail("waiting for another command to finish this");
                sleep(POLL).await;
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| path.display().to_string()),
        }
    }
}

async fn remove_if_present(directory: &Path) -> Result<()> {
    if fs::try_exists(directory).await? {
        fs::remove_dir_all(directory).await.with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn the_lock_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let first = File::create(&path).unwrap();
        first.lock().unwrap();
        let step = Progress::default().step("waiting in a test");
        let mut second = Box::pin(exclusive(&path, &step));
        assert!(timeout(POLL * 3, &mut second).await.is_err(), "taken twice");
        drop(first);
        second.await.unwrap();
    }
}
