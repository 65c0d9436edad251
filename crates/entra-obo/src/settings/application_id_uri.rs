//! The Application ID URIs of this API, `identifierUris` in its manifest: what clients put before a scope, and what v1
//! tokens may have as their audience.

use uuid::Uuid;

use crate::settings::{address, ids::guid, reader::list};

/// <https://learn.microsoft.com/entra/identity-platform/supported-accounts-validation>
const MAX_CHARACTERS: usize = 255;

/// The list, as registered. `client_id` is missing where that has a fault of its own.
///
/// <https://learn.microsoft.com/entra/identity-platform/identifier-uri-restrictions>
pub(crate) fn list_of(text: &str, client_id: Option<Uuid>) -> Result<Vec<String>, String> {
    list(text, |item| check(item, client_id).map(|()| item.to_owned()).map_err(str::to_owned))
}

fn check(uri: &str, client_id: Option<Uuid>) -> Result<(), &'static str> {
    if guid(uri).is_ok() || uri.starts_with("spn:") {
        return Err("is an id and not a URI; tokens for the client id are accepted without it");
    }
    let Some((scheme, rest)) = uri.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
        return Err("is not a URI; copy the Application ID URI from Expose an API in the app registration");
    };
    if uri.len() > MAX_CHARACTERS {
        return Err("is longer than 255 characters, which is the most that Entra takes");
    }
    if uri.contains('*') {
        return Err("has a wildcard; list each Application ID URI");
    }
    if uri.bytes().any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'{' | b'}')) {
        return Err("has a character that a URI cannot have");
    }
    let Some(path) = rest.strip_prefix("//") else {
        return if scheme == "urn" && !rest.is_empty() { Ok(()) } else { Err("has no // after its scheme") };
    };
    let path = path.strip_suffix('/').unwrap_or(path);
    let (first, last) = (path.split('/').next().unwrap_or_default(), path.rsplit('/').next().unwrap_or_default());
    if first.is_empty() {
        return Err("has nothing after its scheme");
    }
    if address::is_of_graph(uri) {
        return Err("is the URI of Microsoft Graph; list those of this API");
    }
    if address::is_of_an_example(&address::host(uri).to_ascii_lowercase()) {
        return Err("still has the host of an example; copy the Application ID URI from the app registration");
    }
    // The last segment is an application's id, if it is an id; the first may be a directory's.
    let is_of_another = guid(last).is_ok_and(|id| client_id.is_some_and(|client_id| id != client_id));
    if scheme == "api" && is_of_another {
        return Err("ends with the id of another application; list the URIs of this API");
    }
    Ok(())
}

/// RFC 3986 section 3.1, in lower case.
fn is_scheme(scheme: &str) -> bool {
    scheme.len() > 1
        && scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.'))
}
