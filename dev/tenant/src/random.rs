//! Identifiers and secrets that differ in each run.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

/// A random GUID in Microsoft's usual spelling: lower case, hyphenated, no braces.
pub(crate) fn guid() -> String {
    Uuid::new_v4().to_string()
}

/// 16 random bytes as 22 characters of base64url, the shape of Entra's `uti` claim.
pub(crate) fn token_id() -> String {
    URL_SAFE_NO_PAD.encode(Uuid::new_v4().as_bytes())
}

/// 32 lower-case hexadecimal digits, the shape of a Key Vault version.
pub(crate) fn version() -> String {
    Uuid::new_v4().simple().to_string()
}

/// The form of Entra's opaque codes and refresh tokens; 244 random bits.
pub(crate) fn opaque_token() -> String {
    format!("1.{}.{}", token_id(), token_id())
}

/// A client secret with the length and the kind of characters that Entra generates: the `~` and `.`
/// reveal clients that do not encode form values.
pub(crate) fn client_secret() -> String {
    let mut secret = version();
    secret.replace_range(3..6, "8Q~");
    secret.push_str(".A~+/=");
    secret.push_str(&token_id());
    secret
}
