//! The published signing keys (RFC 7517, section 5).

use http::{Response, StatusCode, header};
use serde_json::{Value, json};

use super::{Authority, Version};
use crate::{
    directory::{Directory, MICROSOFT_ACCOUNT_TENANT},
    signing_key::SigningKey,
    wire::{self, Body, Incoming},
};

pub(super) fn answer(directory: &Directory, incoming: &Incoming, tenant: &str, version: Version) -> Response<Body> {
    let authority = match Authority::of(directory, tenant) {
        Ok(authority) => authority,
        Err(failure) => return failure.into_answer(incoming),
    };
    let mut keys: Vec<Value> = Vec::new();
    if authority != Authority::Single(MICROSOFT_ACCOUNT_TENANT) {
        let issuer = directory.v2_issuer(authority.placeholder());
        keys.extend(directory.keys.published().iter().map(|key| json_web_key(key, &issuer, version)));
    }
    // Microsoft accounts have no v1 tokens.
    if version == Version::Two && authority.has_microsoft_accounts() {
        let issuer = directory.v2_issuer(MICROSOFT_ACCOUNT_TENANT);
        keys.push(json_web_key(&directory.keys.microsoft_account, &issuer, version));
    }
    let mut answer = wire::json_answer(StatusCode::OK, &json!({"keys": keys}));
    wire::set_header(&mut answer, header::CACHE_CONTROL, "max-age=86400, private");
    wire::set_header(&mut answer, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    answer
}

/// Keys of the v2 endpoint name the issuer whose tokens they may sign; those of the v1 endpoint do not.
fn json_web_key(key: &SigningKey, issuer: &str, version: Version) -> Value {
    let mut json = key.json_web_key();
    if version == Version::Two {
        json.insert("cloud_instance_name".into(), "microsoftonline.com".into());
        json.insert("issuer".into(), issuer.into());
    }
    Value::Object(json)
}
