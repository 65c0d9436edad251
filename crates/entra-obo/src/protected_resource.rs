//! OAuth 2.0 Protected Resource Metadata (RFC 9728): how a client that knows nothing but an API's address finds Entra, and
//! the scopes to request.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderValue, Response, header, uri::Authority};
use serde_json::json;

use crate::policy::Policy;

/// Where metadata is, before the resource's own path (RFC 9728 section 3.1).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// How long a client may keep the metadata. It is the operator's settings, which change seldom.
const MAX_AGE: HeaderValue = HeaderValue::from_static("max-age=300");

/// A resource, as its callers address it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtectedResource {
    origin: String,
    path: String,
}

impl ProtectedResource {
    /// The resource at `path` of this host. The scheme is `https`, except on the caller's own machine: a component cannot see
    /// whether a proxy in front of it terminates TLS.
    ///
    /// `None` if the host is not one that can be written into a header and a document.
    #[must_use]
    pub fn new(authority: &str, path: &str) -> Option<Self> {
        let parsed: Authority = authority.parse().ok()?;
        let host = parsed.host();
        let is_plain = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'[' | b']'))
        };
        if host.is_empty() || !is_plain(authority) {
            return None;
        }
        let address = host.trim_matches(['[', ']']).parse();
        let is_local = host == "localhost" || address.is_ok_and(|address: IpAddr| address.is_loopback());
        let scheme = if is_local { "http" } else { "https" };
        Some(Self::at(&format!("{scheme}://{authority}"), path))
    }

    /// The resource at `path` of an origin that the operator has set.
    #[must_use]
    pub fn at(origin: &str, path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        let path = if path == "/" { "" } else { path };
        Self { origin: origin.to_owned(), path: path.to_owned() }
    }

    /// The path of the resource whose metadata a request to `path` is for: what follows the well-known path. `None` for
    /// other requests.
    #[must_use]
    pub fn path_of(path: &str) -> Option<&str> {
        let rest = path.strip_prefix(WELL_KNOWN)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }

    /// Where its metadata is: the `resource_metadata` of challenges (RFC 9728 section 5.1).
    #[must_use]
    pub fn metadata_url(&self) -> String {
        format!("{}{WELL_KNOWN}{}", self.origin, self.path)
    }

    /// Its metadata (RFC 9728 section 2).
    #[must_use]
    pub fn metadata(&self, policy: &Policy) -> Response<Bytes> {
        let issuer = format!("{}/{}/v2.0", policy.authority_host, policy.tenancy.authority_segment());
        let scopes: Vec<String> = policy.scopes_to_request().split(' ').map(str::to_owned).collect();
        let document = json!({
            "resource": format!("{}{}", self.origin, self.path),
            "authorization_servers": [issuer],
            "scopes_supported": scopes,
            "bearer_methods_supported": ["header"],
        });
        let body = Bytes::from(document.to_string());
        let mut response = Response::new(body);
        let length = HeaderValue::from(response.body().len());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, MAX_AGE);
        // What it says depends on how it was addressed.
        headers.insert(header::VARY, HeaderValue::from_static("Host"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // Public, and no secret: a client in a browser reads it before it has a token.
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::CONTENT_LENGTH, length);
        response
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::ProtectedResource;
    use crate::policy::{Policy, Tenancy};

    #[test]
    fn a_resource_is_https_but_on_the_callers_own_machine() {
        for (authority, path, url) in [
            ("api.contoso.example", "/mcp", "https://api.contoso.example/.well-known/oauth-protected-resource/mcp"),
            ("api.contoso.example", "/", "https://api.contoso.example/.well-known/oauth-protected-resource"),
            (
                "api.contoso.example:8443",
                "/a?b",
                "https://api.contoso.example:8443/.well-known/oauth-protected-resource/a",
            ),
            ("localhost:3000", "", "http://localhost:3000/.well-known/oauth-protected-resource"),
            ("127.0.0.1:3000", "/x", "http://127.0.0.1:3000/.well-known/oauth-protected-resource/x"),
            ("[::1]:3000", "/x", "http://[::1]:3000/.well-known/oauth-protected-resource/x"),
        ] {
            let resource = ProtectedResource::new(authority, path).unwrap();
            assert_eq!(resource.metadata_url(), url);
        }
        for authority in ["", "a b", "a\"b", "user@host", "host/path", "a,b", ":80"] {
            assert_eq!(ProtectedResource::new(authority, "/"), None, "{authority}");
        }
    }

    #[test]
    fn metadata_is_asked_for_at_its_own_path() {
        for (path, of) in [
            ("/.well-known/oauth-protected-resource", Some("")),
            ("/.well-known/oauth-protected-resource/api/x", Some("/api/x")),
            ("/.well-known/oauth-protected-resources", None),
            ("/api", None),
        ] {
            assert_eq!(ProtectedResource::path_of(path), of, "{path}");
        }
    }

    #[test]
    fn the_document_names_entra_and_the_scopes_to_request() {
        let tenant = Uuid::from_u128(1);
        let policy = Policy::new(Tenancy::Single(tenant), Uuid::from_u128(2), vec!["read".into(), "write".into()]);
        let response = ProtectedResource::new("api.contoso.example", "/mcp").unwrap().metadata(&policy);
        let document: Value = serde_json::from_slice(response.body()).unwrap();
        let client = "api://00000000-0000-0000-0000-000000000002";
        let expected = json!({
            "resource": "https://api.contoso.example/mcp",
            "authorization_servers": [format!("https://login.microsoftonline.com/{tenant}/v2.0")],
            "scopes_supported": [format!("{client}/read"), format!("{client}/write")],
            "bearer_methods_supported": ["header"],
        });
        assert_eq!(document, expected);
        assert_eq!(response.headers()["content-length"], response.body().len().to_string());
    }
}
