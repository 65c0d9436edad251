//! What a host and its components print.

use std::{
    fs::File,
    io::{Write, stderr},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};

/// Where the lines go.
#[derive(Clone, Debug)]
pub enum LogSink {
    /// To this process's standard error.
    Stderr,
    /// Appended to a file.
    File(PathBuf),
    /// Kept in memory for [`Server::log_lines`](super::Server::log_lines).
    Collect,
}

/// All lines, in the order in which they arrive.
#[derive(Clone, Debug)]
pub(super) struct Log(Arc<Mutex<Target>>);

#[derive(Debug)]
enum Target {
    Stderr,
    File(File),
    Memory(Vec<String>),
}

impl Log {
    /// # Errors
    /// If the file cannot be opened.
    pub(super) fn open(sink: &LogSink) -> Result<Self> {
        let target = match sink {
            LogSink::Stderr => Target::Stderr,
            LogSink::File(path) => {
                let file = File::options().create(true).append(true).open(path);
                Target::File(file.with_context(|| format!("cannot open {}", path.display()))?)
            }
            LogSink::Collect => Target::Memory(Vec::new()),
        };
        Ok(Self(Arc::new(Mutex::new(target))))
    }

    pub(super) fn add(&self, line: String) {
        // A closed terminal or a full disk should not stop the server.
        let _ = match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Target::Stderr => writeln!(stderr(), "{line}"),
            Target::File(file) => writeln!(file, "{line}"),
            Target::Memory(lines) => {
                lines.push(line);
                Ok(())
            }
        };
    }

    pub(super) fn lines(&self) -> Vec<String> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Target::Memory(lines) => lines.clone(),
            Target::Stderr | Target::File(_) => Vec::new(),
        }
    }
}
