//! Headers, between the host's type and `http`'s.

use http::{HeaderMap, HeaderName, HeaderValue};
use spin_sdk::wasip3::http::types::{Fields, HeaderError};

/// The headers of a message that are in `read` and that `http` can represent.
pub(crate) fn copy(fields: &Fields, read: &[HeaderName]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.copy_all() {
        let known = read.iter().find(|known| known.as_str().eq_ignore_ascii_case(&name));
        if let (Some(name), Ok(value)) = (known, HeaderValue::try_from(value)) {
            // Fails only beyond 32768 headers.
            let _ = headers.try_append(name, value);
        }
    }
    headers
}

/// All headers of a message that a Rust program can hold.
pub(crate) fn copy_all(fields: &Fields) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.copy_all() {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            // Fails only beyond 32768 headers.
            let _ = headers.try_append(name, value);
        }
    }
    headers
}

/// Headers for the host.
pub(crate) fn fields_of(headers: &HeaderMap) -> Result<Fields, HeaderError> {
    let entries: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
    Fields::from_list(&entries)
}
