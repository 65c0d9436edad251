//! Stores in a SQLite file or in memory, in the table that Spin itself uses.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use rusqlite::{Connection, OptionalExtension, params};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::error::StoreError;

/// One database, opened when first used and then shared.
pub(super) struct SqliteDatabase {
    /// In memory if there is none.
    path: Option<PathBuf>,
    connection: OnceLock<Arc<Mutex<Connection>>>,
}

/// The entries of one label.
#[derive(Clone)]
pub(crate) struct Store {
    label: String,
    connection: Arc<Mutex<Connection>>,
}

impl SqliteDatabase {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path, connection: OnceLock::new() }
    }

    pub(super) fn open(&self, label: &str) -> Result<Store, StoreError> {
        let connection = match self.connection.get() {
            Some(connection) => connection,
            None => {
                let connection = blocking(|| self.connect())?;
                self.connection.get_or_init(|| Arc::new(Mutex::new(connection)))
            }
        };
        Ok(Store { label: label.to_owned(), connection: Arc::clone(connection) })
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        if let Some(folder) = self.path.as_deref().and_then(Path::parent) {
            std::fs::create_dir_all(folder).map_err(StoreError::other)?;
        }
        let connection = match &self.path {
            Some(path) => Connection::open(path),
            None => Connection::open_in_memory(),
        };
        let connection = connection.map_err(StoreError::other)?;
        connection
            .execute(
                "CREATE TABLE IF NOT EXISTS spin_key_value (
                    store TEXT NOT NULL,
                    key TEXT NOT NULL,
                    value BLOB NOT NULL,
                    PRIMARY KEY (store, key)
                )",
                [],
            )
            .map_err(StoreError::other)?;
        Ok(connection)
    }
}

impl Store {
    pub(super) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .query_row(params![self.label, key], |row| row.get(0))
                .optional()
        })
    }

    pub(super) fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
                     ON CONFLICT (store, key) DO UPDATE SET value = ?3",
                )?
                .execute(params![self.label, key, value])
        })
        .map(drop)
    }

    pub(super) fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .execute(params![self.label, key])
        })
        .map(drop)
    }

    fn run<T>(&self, query: impl FnOnce(&MutexGuard<'_, Connection>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        blocking(|| query(&self.connection.lock().unwrap_or_else(PoisonError::into_inner)).map_err(StoreError::other))
    }
}

/// Runs blocking work on this thread and moves the thread's other tasks to another one.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        // A test's single thread has no other thread for its tasks.
        RuntimeFlavor::CurrentThread => work(),
        _ => tokio::task::block_in_place(work),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn labels_share_a_database_without_sharing_entries() {
        let folder = tempfile::tempdir().unwrap();
        for path in [Some(folder.path().join("store.db")), None] {
            let database = SqliteDatabase::new(path);
            let (one, two) = (database.open("one").unwrap(), database.open("two").unwrap());
            one.set("key", b"first").unwrap();
            one.set("key", b"second").unwrap();
            let again = database.open("one").unwrap();
            assert_eq!(again.get("key").unwrap(), Some(b"second".to_vec()));
            assert_eq!(two.get("key").unwrap(), None);
            one.delete("key").unwrap();
            one.delete("key").unwrap();
            assert_eq!(one.get("key").unwrap(), None);
        }
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_opened_is_an_error_and_not_a_panic() {
        let database = SqliteDatabase::new(Some("/dev/null/store.db".into()));
        assert!(matches!(database.open("default"), Err(StoreError::Other(_))));
    }
}
