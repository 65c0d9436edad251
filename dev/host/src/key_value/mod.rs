//! Key-value stores: SQLite and Redis, with Spin's keys and errors.

mod error;
mod redis;
mod settings;
mod sqlite;

use std::collections::BTreeMap;

pub(super) use self::{error::StoreError, settings::StoreSettings};
use self::{redis::RedisDatabase, sqlite::SqliteDatabase};

/// The application's stores by label, opened when first used.
pub(super) struct Stores(BTreeMap<String, Database>);

enum Database {
    Sqlite(SqliteDatabase),
    Redis(RedisDatabase),
}

/// A store that a component has opened.
#[derive(Clone)]
pub(super) enum Store {
    Sqlite(sqlite::Store),
    Redis(redis::Store),
}

impl Stores {
    pub(super) fn new(settings: BTreeMap<String, StoreSettings>) -> Self {
        let databases = settings
            .into_iter()
            .map(|(label, settings)| {
                let database = match settings {
                    StoreSettings::Sqlite(path) => Database::Sqlite(SqliteDatabase::new(path)),
                    StoreSettings::Redis(url) => Database::Redis(RedisDatabase::new(url)),
                };
                (label, database)
            })
            .collect();
        Self(databases)
    }

    pub(super) fn contains(&self, label: &str) -> bool {
        self.0.contains_key(label)
    }

    /// Opens the store. After a failure, the next call tries again.
    pub(super) async fn open(&self, label: &str) -> Result<Store, StoreError> {
        match self.0.get(label) {
            None => Err(StoreError::NoSuchStore),
            Some(Database::Sqlite(database)) => database.open(label).map(Store::Sqlite),
            Some(Database::Redis(database)) => database.open().await.map(Store::Redis),
        }
    }
}

impl Store {
    pub(super) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Sqlite(store) => store.get(key),
            Self::Redis(store) => store.get(key).await,
        }
    }

    pub(super) async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.set(key, value),
            Self::Redis(store) => store.set(key, value).await,
        }
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.delete(key),
            Self::Redis(store) => store.delete(key).await,
        }
    }
}
