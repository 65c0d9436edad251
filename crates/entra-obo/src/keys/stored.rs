//! The copy of the keys that all instances share.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    caller::unverified_token::TokenVersion,
    context::Context,
    credential::{client_credential::ClientCredential, source::CredentialSource},
    host::{Host, UnixTime},
    keys::{
        known::KnownKeys,
        openid_configuration::{IssuerTemplate, OpenIdConfiguration},
        signing_keys::SigningKeys,
    },
    policy::Policy,
    store::{sealed_entry, shared_store::SharedStore},
};

/// The most that `Cache-Control: max-age` may ask for. Entra says a day; Microsoft asks clients to look hourly, so that a
/// key withdrawn in an emergency is not trusted for long.
pub(crate) const MAX_FRESH_SECONDS: u64 = 3600;

/// How much of a digest names a place: enough that two applications of a store do not share one by chance.
const PLACE_BYTES: usize = 12;

/// What the store keeps: the documents as they were received.
#[derive(Serialize, Deserialize)]
pub(crate) struct Record {
    issuer: String,
    fetched: u64,
    fresh_until: u64,
    key_set: String,
    /// `cloud_instance_name` of the metadata.
    #[serde(default)]
    cloud: Option<String>,
    /// For a v1 key set of several tenants: the v2 set, whose keys name their issuers.
    #[serde(default)]
    v2_key_set: Option<String>,
    /// When a key that was not published was last looked up.
    #[serde(default)]
    lookup: Option<u64>,
}

/// What a record says.
pub(crate) struct Stored {
    pub(crate) known: KnownKeys,
    pub(crate) lookup: Option<UnixTime>,
}

impl Record {
    pub(crate) fn new(
        configuration: OpenIdConfiguration,
        fetched: UnixTime,
        fresh_until: UnixTime,
        key_set: String,
    ) -> Self {
        let OpenIdConfiguration { issuer, cloud, .. } = configuration;
        let (issuer, fetched, fresh_until) = (issuer.as_str().to_owned(), fetched.0, fresh_until.0);
        Self { issuer, fetched, fresh_until, key_set, cloud, v2_key_set: None, lookup: None }
    }

    pub(crate) fn with_issuers_of(self, v2_key_set: String) -> Self {
        Self { v2_key_set: Some(v2_key_set), ..self }
    }

    pub(crate) fn with_lookup(self, lookup: Option<UnixTime>) -> Self {
        Self { lookup: lookup.map(|lookup| lookup.0), ..self }
    }

    pub(crate) fn known(&self, version: TokenVersion) -> Result<KnownKeys, &'static str> {
        let issuer = IssuerTemplate::new(self.issuer.clone());
        let mut keys = SigningKeys::parse(self.key_set.as_bytes(), issuer, version)?.of_cloud(self.cloud.clone());
        if let Some(v2_key_set) = &self.v2_key_set {
            keys = keys.with_issuers_of(v2_key_set.as_bytes())?;
        }
        Ok(KnownKeys { keys: Arc::new(keys), fetched: UnixTime(self.fetched), fresh_until: UnixTime(self.fresh_until) })
    }
}

/// The copies of one API's key sets.
///
/// They are sealed under the client credential: anyone who could write unsealed keys here could sign tokens.
#[derive(Debug)]
pub(crate) struct StoredKeys {
    policy: Arc<Policy>,
    store: Arc<SharedStore>,
    credential: Arc<CredentialSource>,
}

impl StoredKeys {
    pub(crate) const fn new(policy: Arc<Policy>, store: Arc<SharedStore>, credential: Arc<CredentialSource>) -> Self {
        Self { policy, store, credential }
    }

    pub(crate) async fn load<H: Host>(
        &self,
        context: &Context<H>,
        version: TokenVersion,
        credential: &ClientCredential,
    ) -> Option<Stored> {
        let place = Place::of(&self.policy, version);
        let entry = self.store.read(&context.host, context.deadline, &place.key).await?;
        let content = sealed_entry::open(credential.key_material(), place.purpose.as_bytes(), entry)?;
        let record: Record = serde_json::from_slice(&content).ok()?;
        // A record from the future would be believed for longer than any other.
        if record.fetched > context.host.now().0
            || record.fresh_until > record.fetched.saturating_add(MAX_FRESH_SECONDS)
            || record.lookup > Some(record.fetched)
        {
            return None;
        }
        Some(Stored { known: record.known(version).ok()?, lookup: record.lookup.map(UnixTime) })
    }

    /// Saves a record, in the background.
    pub(crate) fn save<H: Host>(&self, context: &Context<H>, version: TokenVersion, record: &Record) {
        if !self.store.is_used() {
            return;
        }
        let Ok(content) = serde_json::to_vec(record) else { return };
        let (own, place) = (context.in_background(), Place::of(&self.policy, version));
        let (store, credential) = (Arc::clone(&self.store), Arc::clone(&self.credential));
        context.host.spawn(async move {
            let Context { host, deadline, .. } = &own;
            let Ok(credential) = credential.current(host, *deadline).await else { return };
            let (key_material, purpose) = (credential.key_material(), place.purpose.as_bytes());
            if let Some(entry) = sealed_entry::seal(key_material, purpose, host.random(), &content) {
                store.write(host, &place.key, &entry).await;
            }
        });
    }
}

/// Where a key set is kept.
struct Place {
    key: String,
    /// What the entry is for: one for another authority, tenancy or application does not open.
    purpose: String,
}

impl Place {
    /// Applications that share a store have places of their own, so that they do not overwrite each other's keys.
    fn of(policy: &Policy, version: TokenVersion) -> Self {
        let Policy { authority_host, tenancy, client_id, .. } = policy;
        let version = match version {
            TokenVersion::V1 => "v1",
            TokenVersion::V2 => "v2",
        };
        let purpose =
            format!("entra-obo.keys.{version}\n{authority_host}\n{}\n{client_id}", tenancy.authority_segment());
        let digest = Sha256::digest(&purpose);
        let (name, _) = digest.split_at(PLACE_BYTES.min(digest.len()));
        Self { key: format!("entra-obo.keys.{version}.{}", URL_SAFE_NO_PAD.encode(name)), purpose }
    }
}
