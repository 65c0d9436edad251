//! Signing keys, and the tokens that they sign.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::failure::Failure;

const REQUIRED_SCOPE: &str = "user_impersonation";

/// How far Entra's clock and this machine's may differ.
const CLOCK_SKEW_SECONDS: u64 = 300;

/// An unknown key is looked up no more often than this.
const COOLDOWN: Duration = Duration::from_secs(60);

type KeysById = HashMap<String, DecodingKey>;

pub(crate) struct Keys {
    client: reqwest::Client,
    url: String,
    rules: Validation,
    tenant: String,
    known: RwLock<Arc<KeysById>>,
    looked_up: Mutex<Option<Instant>>,
}

#[derive(Deserialize)]
struct Claims {
    tid: String,
    #[serde(default)]
    scp: String,
}

impl Keys {
    pub(crate) fn new(client: reqwest::Client, authority: &str, tenant: &str, client_id: &str) -> Self {
        let mut rules = Validation::new(Algorithm::RS256);
        rules.leeway = CLOCK_SKEW_SECONDS;
        rules.validate_nbf = true;
        rules.set_audience(&[client_id, &format!("api://{client_id}")]);
        rules.set_issuer(&[format!("{authority}/v2.0")]);
        rules.set_required_spec_claims(&["exp", "aud", "iss"]);
        Self {
            client,
            url: format!("{authority}/discovery/v2.0/keys"),
            rules,
            tenant: tenant.to_owned(),
            known: RwLock::default(),
            looked_up: Mutex::default(),
        }
    }

    /// Fails unless the token lets a person of the directory call this API.
    pub(crate) async fn validate(&self, token: &str) -> Result<(), Failure> {
        let key_id = decode_header(token).map_err(Failure::InvalidToken)?.kid.ok_or(Failure::UnknownKey)?;
        let mut keys = self.known();
        if !keys.contains_key(&key_id) {
            keys = self.look_up(&key_id).await?;
        }
        let key = keys.get(&key_id).ok_or(Failure::UnknownKey)?;
        let claims = decode::<Claims>(token, key, &self.rules).map_err(Failure::InvalidToken)?.claims;
        let may_call = claims.tid == self.tenant && claims.scp.split(' ').any(|scope| scope == REQUIRED_SCOPE);
        if may_call { Ok(()) } else { Err(Failure::NotAllowed) }
    }

    fn known(&self) -> Arc<KeysById> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn look_up(&self, key_id: &str) -> Result<Arc<KeysById>, Failure> {
        let mut looked_up = self.looked_up.lock().await;
        let known = self.known();
        if known.contains_key(key_id) || looked_up.is_some_and(|at| at.elapsed() < COOLDOWN) {
            return Ok(known);
        }
        *looked_up = Some(Instant::now());
        let set: JwkSet = self.client.get(&self.url).send().await?.error_for_status()?.json().await?;
        let keys =
            set.keys.iter().filter_map(|jwk| Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?)));
        let keys = Arc::new(keys.collect::<KeysById>());
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&keys);
        Ok(keys)
    }
}
