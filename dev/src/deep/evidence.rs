//! Everything that a run leaves behind, and the secrets that it must not contain.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result};
use emulated_tenant::{LoggedRequest, Tenant};
use redis::AsyncCommands as _;
use tempfile::TempDir;

use super::{
    caller::ApiResponse,
    leaks::{LeakReport, Secrets},
};
use crate::run::{ApiOptions, LogSink};

/// Logs, responses and stores of a run in one folder, and the secrets of the run. Clones share them.
#[derive(Clone)]
pub(super) struct Evidence(Arc<Kept>);

struct Kept {
    folder: TempDir,
    applications: AtomicUsize,
    answers: Mutex<BufWriter<File>>,
    secrets: Mutex<Secrets>,
}

impl Evidence {
    /// # Errors
    /// If no temporary folder can be created.
    pub(super) fn new() -> Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder can be made")?;
        let answers = BufWriter::new(File::create(folder.path().join("answers"))?);
        Ok(Self(Arc::new(Kept {
            folder,
            applications: AtomicUsize::default(),
            answers: Mutex::new(answers),
            secrets: Mutex::default(),
        })))
    }

    /// Options for an API that keeps its log and its state here.
    pub(super) fn application_options(&self) -> ApiOptions {
        let number = self.0.applications.fetch_add(1, Ordering::Relaxed);
        let folder = self.0.folder.path().join(format!("application-{number}"));
        ApiOptions {
            log: LogSink::File(folder.with_extension("log")),
            directory: Some(folder),
            ..ApiOptions::default()
        }
    }

    /// Records a response's head and body.
    pub(super) fn response(&self, answer: &ApiResponse) {
        let mut file = self.0.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = format!("{}\n", answer.status).into_bytes();
        for (name, value) in &answer.headers {
            text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat());
        }
        text.extend_from_slice(&answer.body);
        text.push(b'\n');
        // If the disk is full, the search reports it.
        let _ = file.write_all(&text);
    }

    /// Records a JWT, or whatever was sent in its place.
    pub(super) fn token(&self, kind: &'static str, token: &str) {
        self.secrets(|secrets| secrets.add_token(kind, token));
    }

    /// Records the current credentials of a tenant.
    pub(super) fn credentials(&self, tenant: &Tenant) {
        self.secrets(|secrets| {
            secrets.add("the client secret", tenant.client_secret().as_bytes());
            secrets.add("the vault identity's secret", tenant.vault_identity().client_secret.as_bytes());
        });
    }

    /// Records the private key and other blocks of a PEM text.
    pub(super) fn pem(&self, text: &str) {
        self.secrets(|secrets| secrets.add_pem("the private key", text));
    }

    /// Records the tokens and secrets in requests to upstreams.
    pub(super) fn upstream(&self, requests: &[LoggedRequest]) {
        self.secrets(|secrets| {
            for request in requests {
                if let Some(token) = request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) {
                    secrets.add_token("a token for an upstream", token);
                }
                for (field, kind) in [
                    ("assertion", "a caller's token"),
                    ("client_assertion", "a client assertion"),
                    ("client_secret", "the client secret"),
                ] {
                    if let Some(value) = request.field(field) {
                        secrets.add_token(kind, value);
                    }
                }
            }
        });
    }

    /// Copies all entries of a Redis.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) async fn copy_redis(&self, url: &str) -> Result<usize> {
        let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
        let keys: Vec<String> = connection.keys("*").await?;
        let number = self.0.applications.fetch_add(1, Ordering::Relaxed);
        let mut file = BufWriter::new(File::create(self.0.folder.path().join(format!("redis-{number}")))?);
        for key in &keys {
            let value: Vec<u8> = connection.get(key).await?;
            file.write_all(key.as_bytes())?;
            file.write_all(&value)?;
        }
        file.flush()?;
        Ok(keys.len())
    }

    /// The lines that an API of this run has logged so far.
    pub(super) fn log_of(options: &ApiOptions) -> Vec<String> {
        let LogSink::File(path) = &options.log else { return Vec::new() };
        let bytes = std::fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
    }

    /// Searches everything for every secret. First, the search must find secrets that are planted for it.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) async fn search(&self) -> Result<LeakReport> {
        self.0.answers.lock().unwrap_or_else(PoisonError::into_inner).flush()?;
        let kept = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || {
            let secrets = kept.secrets.lock().unwrap_or_else(PoisonError::into_inner);
            secrets.search_folder(kept.folder.path())
        })
        .await?
    }

    /// A folder for files of the run that are also searched.
    pub(super) fn folder(&self) -> PathBuf {
        self.0.folder.path().to_owned()
    }

    fn secrets(&self, add: impl FnOnce(&mut Secrets)) {
        add(&mut self.0.secrets.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Lines of a log about traps and failures of instances.
pub(super) fn traps(log: &[String]) -> Vec<String> {
    let signs = ["an instance failed", "wasm trap", "panicked at"];
    let is_trap = |line: &&String| signs.iter().any(|sign| line.contains(sign));
    let shortened = |line: &String| format!("the log says: {}", line.chars().take(300).collect::<String>());
    log.iter().filter(is_trap).map(shortened).collect()
}
