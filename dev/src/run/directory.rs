//! The folder of a run.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::fs;

/// A folder for derived configuration and for what the host stores.
#[derive(Debug)]
pub enum RunDirectory {
    /// Stays.
    Kept(PathBuf),
    /// Removed when dropped.
    Temporary(TempDir),
}

impl RunDirectory {
    /// `kept`, created if necessary, or a temporary folder.
    ///
    /// # Errors
    /// If the folder cannot be created.
    pub async fn prepare(kept: Option<PathBuf>) -> Result<Self> {
        let Some(directory) = kept else {
            return Ok(Self::Temporary(tempfile::tempdir().context("no temporary folder can be made")?));
        };
        fs::create_dir_all(&directory).await.with_context(|| format!("cannot make {}", directory.display()))?;
        Ok(Self::Kept(directory))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Self::Kept(directory) => directory,
            Self::Temporary(directory) => directory.path(),
        }
    }

    /// Writes a file into it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn write(&self, name: &str, content: String) -> Result<PathBuf> {
        let file = self.path().join(name);
        fs::write(&file, content).await.with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }
}
