//! The log: the lines that components print, and the host's own messages.

use std::{
    fmt,
    io::{self, Write},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

/// One line, without its line break.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LogLine {
    /// The component's id in the manifest.
    component: String,
    source: LogSource,
    text: String,
}

/// The writer of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogSource {
    /// The component, on its standard output.
    Stdout,
    /// The component, on its standard error.
    Stderr,
    /// The host: a trap, a variable that could not be read, a request that was denied.
    Host,
}

impl fmt::Display for LogLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            LogSource::Stdout | LogSource::Stderr => formatter.write_str(&self.text),
            LogSource::Host => write!(formatter, "[{}] host: {}", self.component, self.text),
        }
    }
}

/// The host's log, shared by all its instances.
#[derive(Clone)]
pub(super) struct Log(Arc<Mutex<dyn Write + Send>>);

impl Log {
    /// A log whose lines are written to `target`.
    pub(super) fn new(target: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(target)))
    }

    /// Adds a message of the host.
    pub(super) fn host(&self, component: &str, text: impl fmt::Display) {
        self.add(&LogLine { component: component.to_owned(), source: LogSource::Host, text: text.to_string() });
    }

    /// A stream for a component to print to.
    pub(super) fn stream(&self, component: &str, source: LogSource) -> LogStream {
        LogStream {
            log: self.clone(),
            component: component.to_owned(),
            source,
            unfinished: Arc::new(Mutex::new(Vec::new())),
        }
    }

    fn add(&self, line: &LogLine) {
        // A closed terminal must not make the request fail.
        let _ = writeln!(self.0.lock().unwrap_or_else(PoisonError::into_inner), "{line}");
    }
}

/// Splits the output of one instance into lines. All its handles share the unfinished line.
#[derive(Clone)]
pub(super) struct LogStream {
    log: Log,
    component: String,
    source: LogSource,
    unfinished: Arc<Mutex<Vec<u8>>>,
}

impl LogStream {
    fn print(&self, bytes: &[u8]) {
        let mut unfinished = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        unfinished.extend_from_slice(bytes);
        while let Some(end) = unfinished.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = unfinished.drain(..=end).collect();
            self.finish(&line);
        }
    }

    fn finish(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        self.log.add(&LogLine {
            component: self.component.clone(),
            source: self.source,
            text: text.trim_end_matches(['\r', '\n']).to_owned(),
        });
    }
}

impl Drop for LogStream {
    /// The last handle writes the unfinished line.
    fn drop(&mut self) {
        if let Some(unfinished) = Arc::get_mut(&mut self.unfinished) {
            let rest = std::mem::take(unfinished.get_mut().unwrap_or_else(PoisonError::into_inner));
            if !rest.is_empty() {
                self.finish(&rest);
            }
        }
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

/// The largest single write of a component.
const LARGEST_WRITE: usize = 64 * 1024;

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(LARGEST_WRITE)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl AsyncWrite for LogStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.print(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn writes_become_lines() {
        let written = Written::default();
        let log = Log::new(written.clone());
        let stream = log.stream("one", LogSource::Stdout);
        let other_handle = stream.clone();
        stream.print(b"first\nsec");
        other_handle.print(b"ond\r\n\nlast");
        drop((stream, other_handle));
        log.host("one", "note");
        let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(written, "first\nsecond\n\nlast\n[one] host: note\n");
    }
}
