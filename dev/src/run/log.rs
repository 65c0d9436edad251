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

/// How many of the last lines the error of a host that does not start has.
const LAST: usize = 20;

/// What Spin 4.1 prints of each instance that it ends because it was interrupted. Nothing panicked.
const OF_INTERRUPTED_SPIN: &str = "worker failed: worker panicked";

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
    /// How many there were.
    count: usize,
    /// Whether the host was interrupted.
    is_ending: bool,
}

#[derive(Debug)]
enum Target {
    Stderr,
    /// And the last lines, for an error.
    File(File, VecDeque<String>),
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
                let file = file.with_context(|| format!("cannot open {}", path.display()))?;
                Target::File(file, VecDeque::new())
            }
            LogSink::Collect => Target::Memory(Vec::new()),
        };
        Ok(Self(Arc::new(Mutex::new(Kept { target, count: 0, is_ending: false }))))
    }

    pub(super) fn add(&self, line: String) {
        let mut kept = self.lock();
        if kept.is_ending && line == OF_INTERRUPTED_SPIN {
            return;
        }
        kept.count += 1;
        // A closed terminal or a full disk should not stop the server.
        let _ = match &mut kept.target {
            Target::Stderr => writeln!(stderr(), "{line}"),
            Target::File(file, last) => {
                let written = writeln!(file, "{line}");
                last.push_back(line);
                if last.len() > LAST {
                    last.pop_front();
                }
                written
            }
            Target::Memory(lines) => {
                lines.push(line);
                Ok(())
            }
        };
    }

    /// From now on, leaves out what a host prints only because it was interrupted.
    pub(super) fn expect_end(&self) {
        self.lock().is_ending = true;
    }

    /// The lines so far, if they are kept in memory.
    pub(super) fn lines(&self) -> Vec<String> {
        match &self.lock().target {
            Target::Memory(lines) => lines.clone(),
            Target::Stderr | Target::File(..) => Vec::new(),
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
        match &self.lock().target {
            Target::Stderr => Vec::new(),
            Target::File(_, last) => last.iter().cloned().collect(),
            Target::Memory(lines) => lines.iter().skip(lines.len().saturating_sub(LAST)).cloned().collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_interrupted_spin_may_seem_to_panic() {
        let log = Log::open(&LogSink::Collect).unwrap();
        log.add(OF_INTERRUPTED_SPIN.to_owned());
        log.expect_end();
        log.add(OF_INTERRUPTED_SPIN.to_owned());
        log.add("one".to_owned());
        assert_eq!(log.lines(), [OF_INTERRUPTED_SPIN, "one"]);
    }

    #[test]
    fn the_last_lines_are_known_wherever_they_go() {
        let folder = tempfile::tempdir().unwrap();
        for (sink, kept) in [(LogSink::File(folder.path().join("log")), 0), (LogSink::Collect, LAST + 1)] {
            let log = Log::open(&sink).unwrap();
            (0..=LAST).for_each(|number| log.add(number.to_string()));
            let last = log.unshown_last_lines();
            assert_eq!((last.len(), last.first().map(String::as_str)), (LAST, Some("1")), "{sink:?}");
            assert_eq!(log.lines().len(), kept, "{sink:?}");
        }
    }
}
