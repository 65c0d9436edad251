//! The scope that the API exposes.

use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::registration::application::Application;

/// The scope that callers of the API need.
pub(super) const SCOPE: &str = "user_impersonation";
/// The namespace of `guid()` in Bicep, so that a template gives the scope the same id.
const GUID_NAMESPACE: Uuid = uuid!("11fb06fb-712d-4ddd-98c7-e71bbd588830");

/// The scope, as a request describes it.
pub(super) struct Scope {
    pub(super) id: String,
    /// What the API's list of scopes must have.
    pub(super) wanted: Value,
}

impl Scope {
    /// The one of a new API. Its id is always the same, because consents refer to it.
    pub(super) fn new(unique_name: &str) -> Self {
        let id = Uuid::new_v5(&GUID_NAMESPACE, unique_name.as_bytes()).to_string();
        let wanted = json!({
            "id": id,
            "value": SCOPE,
            "type": "User",
            "isEnabled": true,
            "adminConsentDisplayName": "Read the profile of the signed-in person",
            "adminConsentDescription": "Lets the application call the API on behalf of the signed-in person, whose profile the API reads.",
            "userConsentDisplayName": "Read your profile",
            "userConsentDescription": "Lets the application call the API on your behalf; the API reads your profile.",
        });
        Self { id, wanted }
    }

    /// The one that `api` has, whatever its id and words, or else a new one.
    pub(super) fn of(api: &Application, unique_name: &str) -> Self {
        let scopes = api.list(&["api", "oauth2PermissionScopes"]);
        let own = scopes.iter().find(|scope| scope.get("value").and_then(Value::as_str) == Some(SCOPE));
        match own.and_then(|scope| scope.get("id")?.as_str()) {
            Some(id) => Self { id: id.to_owned(), wanted: json!({"id": id, "isEnabled": true}) },
            None => Self::new(unique_name),
        }
    }
}
