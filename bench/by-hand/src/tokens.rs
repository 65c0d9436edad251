//! Tokens for Graph, by their callers' own tokens.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::HeaderValue;
use dashmap::DashMap;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use crate::failure::Failure;

const SCOPE: &str = "https://graph.microsoft.com/User.Read";
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A token is exchanged again this long before it expires.
const MARGIN: Duration = Duration::from_secs(300);

/// With more tokens than this, those that have expired are removed.
const MANY: usize = 100_000;

pub(crate) struct Tokens {
    client: reqwest::Client,
    url: String,
    client_id: String,
    client_secret: String,
    exchanged: DashMap<[u8; 32], Arc<Mutex<Option<Exchanged>>>>,
}

struct Exchanged {
    authorization: HeaderValue,
    usable_until: Instant,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    expires_in: u64,
}

impl Tokens {
    pub(crate) fn new(client: reqwest::Client, authority: &str, client_id: String, client_secret: String) -> Self {
        let url = format!("{authority}/oauth2/v2.0/token");
        Self { client, url, client_id, client_secret, exchanged: DashMap::new() }
    }

    /// The `Authorization` for Graph in the name of whoever `assertion` is about. Whoever needs the same token meanwhile
    /// waits for it.
    pub(crate) async fn on_behalf_of(&self, assertion: &str) -> Result<HeaderValue, Failure> {
        let key = Sha256::digest(assertion).into();
        let known = self.exchanged.get(&key).map(|entry| Arc::clone(&entry));
        let entry = match known {
            Some(entry) => entry,
            None => {
                if self.exchanged.len() > MANY {
                    self.remove_expired();
                }
                Arc::clone(&self.exchanged.entry(key).or_default())
            }
        };
        let mut exchanged = entry.lock().await;
        if let Some(exchanged) = exchanged.as_ref().filter(|exchanged| exchanged.usable_until > Instant::now()) {
            return Ok(exchanged.authorization.clone());
        }
        let new = self.exchange(assertion).await?;
        let authorization = new.authorization.clone();
        *exchanged = Some(new);
        Ok(authorization)
    }

    fn remove_expired(&self) {
        let now = Instant::now();
        self.exchanged.retain(|_, entry| {
            // One that is locked is being exchanged.
            entry.try_lock().map_or(true, |entry| entry.as_ref().is_some_and(|entry| entry.usable_until > now))
        });
    }

    async fn exchange(&self, assertion: &str) -> Result<Exchanged, Failure> {
        let form = [
            ("client_id", self.client_id.as_str()),
            ("client_secret", &self.client_secret),
            ("grant_type", GRANT_TYPE),
            ("requested_token_use", "on_behalf_of"),
            ("scope", SCOPE),
            ("assertion", assertion),
        ];
        let begun = Instant::now();
        let response = self.client.post(&self.url).form(&form).send().await?;
        if response.status().is_client_error() {
            return Err(Failure::Refused);
        }
        let response: TokenResponse = response.error_for_status()?.json().await?;
        let mut authorization =
            HeaderValue::try_from(format!("Bearer {}", response.access_token)).map_err(|_| Failure::Refused)?;
        authorization.set_sensitive(true);
        let life = Duration::from_secs(response.expires_in).saturating_sub(MARGIN);
        Ok(Exchanged { authorization, usable_until: begun + life })
    }
}
