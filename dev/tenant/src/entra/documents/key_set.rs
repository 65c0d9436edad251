//! The published signing keys (RFC 7517 section 5).

use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::{
    directory::{
        Directory,
        signing_key::SigningKey,
        well_known::{CLOUD, MICROSOFT_ACCOUNT_TENANT},
    },
    entra::{
        authority::{Authority, Version},
        response_headers,
    },
    wire::{self, IncomingRequest, ResponseBody},
};

/// Another cloud of Microsoft's, whose keys are also in the key set of `common`.
const OTHER_CLOUD: &str = "microsoftonline.us";

pub(crate) fn respond(
    directory: &Directory,
    incoming: &IncomingRequest,
    tenant: &str,
    version: Version,
) -> Response<ResponseBody> {
    let authority = match Authority::of(directory, tenant) {
        Ok(authority) => authority,
        Err(failure) => return failure.into_response(incoming),
    };
    let mut keys: Vec<Value> = Vec::new();
    if authority != Authority::Single(MICROSOFT_ACCOUNT_TENANT) {
        let issuer = directory.v2_issuer(authority.placeholder());
        keys.extend(directory.keys.published().iter().map(|key| json_web_key(key, &issuer, CLOUD, version)));
    }
    // The keys of other clouds name this cloud's issuer.
    if version == Version::Two && authority == Authority::Any {
        let issuer = directory.v2_issuer(authority.placeholder());
        keys.push(json_web_key(&directory.keys.other_cloud, &issuer, OTHER_CLOUD, version));
    }
    // Microsoft accounts have no v1 tokens.
    if version == Version::Two && authority.has_microsoft_accounts() {
        let issuer = directory.v2_issuer(MICROSOFT_ACCOUNT_TENANT);
        keys.push(json_web_key(&directory.keys.microsoft_account, &issuer, CLOUD, version));
    }
    let mut response = wire::json_response(StatusCode::OK, &json!({"keys": keys}));
    response_headers::add_for_document(&mut response);
    response
}

/// Keys of the v2 endpoint name their cloud and the issuer whose tokens they may sign; those of the v1 endpoint do not.
fn json_web_key(key: &SigningKey, issuer: &str, cloud: &str, version: Version) -> Value {
    let mut json = key.json_web_key();
    if version == Version::Two {
        json.insert("cloud_instance_name".into(), cloud.into());
        json.insert("issuer".into(), issuer.into());
    }
    Value::Object(json)
}
