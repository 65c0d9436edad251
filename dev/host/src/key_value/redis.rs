//! Stores in Redis. Keys are not changed, so two labels on one database share their entries.

use ::redis::{AsyncCommands, Client, RedisResult, aio::ConnectionManager};
use tokio::sync::OnceCell;

use super::error::StoreError;

/// One Redis database. It is connected when first used and reconnects by itself.
pub(super) struct RedisDatabase {
    url: String,
    connection: OnceCell<ConnectionManager>,
}

/// The entries of one database.
#[derive(Clone)]
pub(crate) struct Store(ConnectionManager);

impl RedisDatabase {
    pub(super) fn new(url: String) -> Self {
        Self { url, connection: OnceCell::new() }
    }

    pub(super) async fn open(&self) -> Result<Store, StoreError> {
        let mut connection = self
            .connection
            .get_or_try_init(|| async { Client::open(self.url.as_str())?.get_connection_manager().await })
            .await
            .map_err(StoreError::other)?
            .clone();
        // A failure here only starts a reconnection; the next command reports errors.
        let _: RedisResult<()> = connection.ping().await;
        Ok(Store(connection))
    }
}

impl Store {
    pub(super) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.clone().get(key).await.map_err(StoreError::other)
    }

    pub(super) async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.0.clone().set(key, value).await.map_err(StoreError::other)
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.0.clone().del(key).await.map_err(StoreError::other)
    }
}
