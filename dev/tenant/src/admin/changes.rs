//! Keys, replication, and tokens of the cluster.

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::AdminError;
use crate::tenant::Tenant;

/// What happens to the signing keys.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum KeyChange {
    /// Another key signs; the previous one stays published.
    Rotate,
    /// All keys are replaced at once.
    Replace,
}

/// `{"keys": "rotate"}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    keys: KeyChange,
}

/// How long new objects are not found.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replication {
    lookups: u32,
}

/// Whose token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceAccount {
    namespace: String,
    name: String,
    /// The seconds left; a negative number if the token has expired.
    #[serde(default = "an_hour")]
    expires_in: i64,
}

const fn an_hour() -> i64 {
    3600
}

pub(super) fn change_keys(tenant: &Tenant, change: &Keys) -> Result<(), AdminError> {
    let changed = match change.keys {
        KeyChange::Rotate => tenant.rotate_signing_key(),
        KeyChange::Replace => tenant.replace_signing_keys(),
    };
    changed.map_err(|error| AdminError::internal(error.to_string()))
}

pub(super) fn set_replication(tenant: &Tenant, replication: &Replication) {
    tenant.set_replication_lag(replication.lookups);
}

pub(super) fn service_account_token(tenant: &Tenant, account: &ServiceAccount) -> Value {
    let token = tenant.service_account_token(&account.namespace, &account.name, |token| {
        token.lasts(an_hour(), account.expires_in);
    });
    json!({"token": token})
}
