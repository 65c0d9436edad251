//! The account's ids, which MSAL clients read from every response of a sign-in.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use crate::directory::person::Person;

pub(super) fn client_info(person: &Person) -> String {
    let info = json!({"uid": person.object_id, "utid": person.tenant_id});
    URL_SAFE_NO_PAD.encode(info.to_string())
}
