//! The client credential, as a vault or a person supplies it.

use base64::{Engine, engine::general_purpose::STANDARD};
use uuid::Uuid;

use super::input::{AUTHORITY, CLIENT, NOW};
use crate::{credential::client_credential::ClientCredential, host::UnixTime};

/// The value of `client_secret`.
pub(super) fn client_credential(data: &[u8]) {
    let Ok(text) = String::from_utf8(data.to_vec()) else { return };
    let Ok(credential) = ClientCredential::parse(text.clone()) else { return };
    assert!(text.len() < 12 || !format!("{credential:?}").contains(&text));
    let mut form = form_urlencoded::Serializer::new(String::new());
    let client_id = Uuid::try_parse(CLIENT).unwrap();
    let added = credential.authenticate(&mut form, AUTHORITY, client_id, UnixTime(NOW), [7; 16]);
    let form = form.finish();
    let Some((_, secret)) = form_urlencoded::parse(form.as_bytes()).find(|(name, _)| name == "client_secret") else {
        assert!(added.is_err() || form.contains("client_assertion="));
        return;
    };
    // Only a plain secret is ever sent, and as it is.
    assert_eq!(secret, text);
    assert!(!text.chars().any(char::is_control) && !text.contains("-----"), "{text:?}");
    let bytes = STANDARD.decode(&text).unwrap_or_default();
    assert!(bytes.len() < 256 || !bytes.starts_with(&[0x30, 0x82]), "a file was sent as the secret");
}
