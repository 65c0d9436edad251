//! Packages of npm and PyPI, for programs in other languages that tests and measurements run.
//!
//! They are installed below `target/` when they are first needed, in the versions that a file next to the program names.

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Error, Result};
use tokio::{fs, process::Command, sync::Mutex};

use crate::{programs::output_of, workspace};

/// Tests of one process that need the same packages run at the same time.
static INSTALLING: Mutex<()> = Mutex::const_new(());

/// Copies `source`, a folder of this repository, and installs the packages of its `package-lock.json` there, or of its
/// `package.json` if it has none.
///
/// # Errors
/// If Node or npm is missing, or the registry cannot be reached.
pub async fn npm(source: &str) -> Result<PathBuf> {
    let _one_at_a_time = INSTALLING.lock().await;
    output_of(Command::new("node").arg("--version")).await?;
    let folder = workspace::target().join("npm").join(source);
    let source = workspace::root().join(source);
    fs::create_dir_all(&folder).await?;
    output_of(Command::new("cp").arg("-a").arg(source.join(".")).arg(&folder)).await?;
    let lock = source.join("package-lock.json");
    let (command, pinned) = if lock.exists() { ("ci", lock) } else { ("install", source.join("package.json")) };
    let stamp = Stamp::of(&folder, &pinned).await?;
    if !stamp.is_current().await {
        let install = [command, "--ignore-scripts", "--no-audit", "--no-fund"];
        output_of(Command::new("npm").args(install).current_dir(&folder)).await?;
        stamp.write().await?;
    }
    Ok(folder)
}

/// A virtual environment with the packages of `requirements.txt` in `source`, a folder of this repository.
///
/// # Errors
/// If Python, its `venv` or its pip is missing, or the registry cannot be reached.
pub async fn pip(source: &str) -> Result<PathBuf> {
    let _one_at_a_time = INSTALLING.lock().await;
    let folder = workspace::target().join("pip").join(source);
    let requirements = workspace::root().join(source).join("requirements.txt");
    let stamp = Stamp::of(&folder, &requirements).await?;
    if !stamp.is_current().await {
        output_of(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder)).await?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        output_of(Command::new(folder.join("bin/python")).args(install).arg(requirements)).await?;
        stamp.write().await?;
    }
    Ok(folder)
}

/// What was installed, or `None` if `test` is to be skipped, for a reason that is printed directly to standard error,
/// because the test runner hides the output of passing tests.
///
/// # Errors
/// In continuous integration, where registries can be reached, unless the reason is a missing program.
pub fn unless_skipped<T>(test: &str, installed: Result<T>) -> Result<Option<T>> {
    match installed {
        Ok(installed) => Ok(Some(installed)),
        Err(reason) if env::var_os("CI").is_some() && !is_missing_program(&reason) => {
            Err(reason.context(test.to_owned()))
        }
        Err(reason) => {
            io::stderr().write_all(format!("SKIPPED {test}: {reason:#}\n").as_bytes())?;
            Ok(None)
        }
    }
}

fn is_missing_program(reason: &Error) -> bool {
    reason.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// The mark of a complete installation.
struct Stamp {
    file: PathBuf,
    /// The file that pins the packages, and the folder, since a virtual environment does not survive a move.
    content: String,
}

impl Stamp {
    async fn of(folder: &Path, pinned: &Path) -> Result<Self> {
        let versions = fs::read_to_string(pinned).await.with_context(|| pinned.display().to_string())?;
        Ok(Self { file: folder.join("installed"), content: format!("{}\n{versions}", folder.display()) })
    }

    async fn is_current(&self) -> bool {
        fs::read_to_string(&self.file).await.is_ok_and(|installed| installed == self.content)
    }

    async fn write(&self) -> Result<()> {
        fs::write(&self.file, &self.content).await.with_context(|| self.file.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_program_differs_from_one_that_fails() {
        for (program, is_missing) in [("no-such-program-here", true), ("false", false)] {
            let reason = output_of(&mut Command::new(program)).await.unwrap_err();
            assert_eq!(is_missing_program(&reason), is_missing, "{reason:#}");
        }
    }

    #[tokio::test]
    async fn an_installation_is_current_until_versions_or_folder_change() {
        let folder = tempfile::tempdir().unwrap();
        let pinned = folder.path().join("requirements.txt");
        std::fs::write(&pinned, "a==1").unwrap();
        let stamp = Stamp::of(folder.path(), &pinned).await.unwrap();
        assert!(!stamp.is_current().await);
        stamp.write().await.unwrap();
        assert!(Stamp::of(folder.path(), &pinned).await.unwrap().is_current().await);

        std::fs::write(&pinned, "a==2").unwrap();
        assert!(!Stamp::of(folder.path(), &pinned).await.unwrap().is_current().await);

        std::fs::write(&pinned, "a==1").unwrap();
        let moved = tempfile::tempdir().unwrap();
        std::fs::copy(folder.path().join("installed"), moved.path().join("installed")).unwrap();
        assert!(!Stamp::of(moved.path(), &pinned).await.unwrap().is_current().await);
    }
}
