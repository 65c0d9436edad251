//! The copy of the keys that all instances share.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::state::KnownKeys;
use crate::{
    host::{Host, UnixTime},
    instance::Context,
    openid_configuration::IssuerTemplate,
    sealed_entry,
    settings::Settings,
    signing_keys::SigningKeys,
    unverified_token::TokenVersion,
};

/// The most that `Cache-Control: max-age` may ask for. Entra says a day; Microsoft asks clients to look hourly, so that a
/// key withdrawn in an emergency is not trusted for long.
pub(super) const MAX_FRESH_SECONDS: u64 = 3600;

/// What the store keeps: the documents as they came.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    issuer: String,
    fetched: u64,
    fresh_until: u64,
    key_set: String,
    /// When a key that was not published was last looked for.
    #[serde(default)]
    looked: Option<u64>,
}

/// What a record says.
pub(super) struct Stored {
    pub(super) known: KnownKeys,
    pub(super) looked: Option<UnixTime>,
}

impl Record {
    pub(super) fn new(issuer: &IssuerTemplate, fetched: UnixTime, fresh_until: UnixTime, key_set: String) -> Self {
        let issuer = issuer.as_str().to_owned();
        Self { issuer, fetched: fetched.0, fresh_until: fresh_until.0, key_set, looked: None }
    }

    pub(super) fn with_look(self, looked: Option<UnixTime>) -> Self {
        Self { looked: looked.map(|looked| looked.0), ..self }
    }

    pub(super) fn known(&self, version: TokenVersion) -> Result<KnownKeys, &'static str> {
        let issuer = IssuerTemplate::new(self.issuer.clone());
        let keys = SigningKeys::parse(self.key_set.as_bytes(), issuer, version)?;
        Ok(KnownKeys { keys: Rc::new(keys), fetched: UnixTime(self.fetched), fresh_until: UnixTime(self.fresh_until) })
    }
}

/// The stored keys. They are sealed by the client credential: whoever could write keys here unsealed could sign tokens.
pub(super) async fn load<H: Host>(context: &Context<H>, version: TokenVersion) -> Option<Stored> {
    let Context { instance, host, settings, deadline, .. } = context;
    if settings.token_store_slots == 0 {
        return None;
    }
    let credential = instance.credential_source.current(host, *deadline).await.ok()?;
    let purpose = purpose(settings, version);
    let entry = instance.store.read(host, *deadline, store_key(version)).await?;
    let content = sealed_entry::open(credential.key_material(), purpose.as_bytes(), entry)?;
    let record: Record = serde_json::from_slice(&content).ok()?;
    // A record from the future would be believed for longer than any other.
    if record.fetched > host.now().0
        || record.fresh_until > record.fetched.saturating_add(MAX_FRESH_SECONDS)
        || record.looked > Some(record.fetched)
    {
        return None;
    }
    Some(Stored { known: record.known(version).ok()?, looked: record.looked.map(UnixTime) })
}

/// Keeps a record, beside the request.
pub(super) fn save<H: Host>(context: &Context<H>, version: TokenVersion, record: Record) {
    if context.settings.token_store_slots == 0 {
        return;
    }
    let own = context.with_new_deadline();
    context.host.spawn(async move {
        let Context { instance, host, settings, deadline, .. } = &own;
        let Ok(credential) = instance.credential_source.current(host, *deadline).await else { return };
        let Ok(content) = serde_json::to_vec(&record) else { return };
        let purpose = purpose(settings, version);
        let sealed = sealed_entry::seal(credential.key_material(), purpose.as_bytes(), host.random(), &content);
        if let Some(entry) = sealed {
            instance.store.write(host, store_key(version), &entry).await;
        }
    });
}

fn store_key(version: TokenVersion) -> &'static str {
    match version {
        TokenVersion::V1 => "profile-get.keys.v1",
        TokenVersion::V2 => "profile-get.keys.v2",
    }
}

/// What a stored key set is for: an entry for another authority, tenancy or application does not open.
fn purpose(settings: &Settings, version: TokenVersion) -> String {
    let Settings { authority_host, tenancy, client_id, .. } = settings;
    format!("{}\n{authority_host}\n{}\n{client_id}", store_key(version), tenancy.authority_segment())
}
