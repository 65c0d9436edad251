//! What a host and its components print.

use std::{
    collections::VecDeque,
    fs::File,
    io::{Write, stderr},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::time::sleep;

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

/// How many of the last lines are kept for the error of a host that does not start, wherever the lines go.
const LAST: usize = 20;

/// Without a new line for this time, a host has nothing more to say about what it has done.
const QUIET: Duration = Duration::from_millis(20);
/// How often that is waited for, at most.
const MOST_WAITS: usize = 50;

/// All lines, in the order in which they arrive.
#[derive(Clone, Debug)]
pub(super) struct Log(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    target: Target,
    last: VecDeque<String>,
    /// How many there were.
    count: usize,
}

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
        Ok(Self(Arc::new(Mutex::new(Kept { target, last: VecDeque::new(), count: 0 }))))
    }

    pub(super) fn add(&self, line: String) {
        let mut kept = self.lock();
        kept.count += 1;
        kept.last.push_back(line.clone());
        if kept.last.len() > LAST {
            kept.last.pop_front();
        }
        // A closed terminal or a full disk should not stop the server.
        let _ = match &mut kept.target {
            Target::Stderr => writeln!(stderr(), "{line}"),
            Target::File(file) => writeln!(file, "{line}"),
            Target::Memory(lines) => {
                lines.push(line);
                Ok(())
            }
        };
    }

    /// The lines so far, if they are kept in memory.
    pub(super) fn lines(&self) -> Vec<String> {
        match &self.lock().target {
            Target::Memory(lines) => lines.clone(),
            Target::Stderr | Target::File(_) => Vec::new(),
        }
    }

    /// The same when no more lines come.
    pub(super) async fn settled_lines(&self) -> Vec<String> {
        for _ in 0..MOST_WAITS {
            let before = self.lock().count;
            sleep(QUIET).await;
            if self.lock().count == before {
                break;
            }
        }
        self.lines()
    }

    /// The last lines, unless they were shown.
    pub(super) fn unshown_last_lines(&self) -> Vec<String> {
        let kept = self.lock();
        if matches!(kept.target, Target::Stderr) { Vec::new() } else { kept.last.iter().cloned().collect() }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
