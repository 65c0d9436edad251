//! How targets split their bytes, and constants that they share.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The one directory.
pub const TENANT: &str = "11111111-1111-4111-8111-111111111111";
/// The API.
pub const CLIENT: &str = "22222222-2222-4222-8222-222222222222";
/// Entra.
pub const AUTHORITY: &str = "https://login.example";
/// The time, in seconds since 1970.
pub const NOW: u64 = 1_800_000_000;

/// The first lines, and what follows them.
pub fn lines<const COUNT: usize>(data: &[u8]) -> [&[u8]; COUNT] {
    let mut lines = data.splitn(COUNT, |byte| *byte == b'\n');
    std::array::from_fn(|_| lines.next().unwrap_or_default())
}

/// JSON, parsed completely. A parser that extracts some members checks neither UTF-8 nor nesting in the others, so it
/// accepts more than this.
pub fn json(data: &[u8]) -> Option<serde_json::Value> {
    serde_json::from_slice(data).ok()
}

/// Headers of one name, a line each; lines that no header can hold are left out.
pub fn headers(name: &HeaderName, lines: &[u8]) -> HeaderMap {
    let values = lines.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    values.map(|value| (name.clone(), value)).collect()
}
