//! Redirect URIs: <https://learn.microsoft.com/entra/identity-platform/reply-url>.

use anyhow::{Context as _, Result, ensure};
use url::{Host, Url};

const LONGEST: usize = 256;
const FORBIDDEN_CHARACTERS: [char; 8] = ['!', '$', '\'', '(', ')', ',', ';', '*'];

/// A registered redirect URI.
pub(crate) struct RedirectUri(Url);

impl RedirectUri {
    /// Reads a URI that is to be registered.
    ///
    /// # Errors
    /// When Entra would not register it.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let uri = canonical(text).with_context(|| {
            format!("{text:?} is not an absolute URI in its shortest form, like http://localhost/a")
        })?;
        ensure!(
            uri.scheme() == "https" || is_loopback(&uri),
            "{text:?} must be https, or http on localhost or 127.0.0.1"
        );
        ensure!(uri.fragment().is_none(), "{text:?} has a fragment, which no redirect URI may have");
        ensure!(text.len() <= LONGEST, "{text:?} is longer than {LONGEST} characters");
        ensure!(!text.contains(FORBIDDEN_CHARACTERS), "{text:?} has one of the characters ! $ ' ( ) , ; *");
        Ok(Self(uri))
    }

    /// The URI that a request sent, if it is this one. On loopback any port will do (RFC 8252 section 7.3).
    pub(crate) fn admit(&self, sent: &str) -> Option<Url> {
        canonical(sent).filter(|sent| without_loopback_port(sent) == without_loopback_port(&self.0))
    }

    /// Whether a page of this origin may be at this URI. On loopback any port will do.
    pub(crate) fn has_origin(&self, origin: &str) -> bool {
        canonical(origin)
            .is_some_and(|origin| without_loopback_port(&origin).origin() == without_loopback_port(&self.0).origin())
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }
}

/// Parses a URI that is in its canonical form already, except that the slash of an empty path may be missing.
fn canonical(text: &str) -> Option<Url> {
    let uri = Url::parse(text).ok()?;
    let is_canonical = uri.as_str() == text || uri.as_str().strip_suffix('/') == Some(text);
    (is_canonical && uri.has_host() && matches!(uri.scheme(), "http" | "https")).then_some(uri)
}

fn without_loopback_port(uri: &Url) -> Url {
    let mut uri = uri.clone();
    if is_loopback(&uri) {
        // It fails only for URIs without a host.
        let _ = uri.set_port(None);
    }
    uri
}

fn is_loopback(uri: &Url) -> bool {
    match uri.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(_)) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_entra_would_not_register_is_refused() {
        for text in [
            "",
            "/callback",
            "http://app.example/callback",
            "http://[::1]/callback",
            "https://app.example/callback#top",
            "https://app.example/a/../callback",
            "https://app.example/*",
            "https://APP.example/",
            "custom://app/callback",
        ] {
            assert!(RedirectUri::parse(text).is_err(), "{text}");
        }
        assert!(RedirectUri::parse(&format!("https://app.example/{}", "a".repeat(256))).is_err());
    }

    #[test]
    fn only_the_port_of_a_loopback_uri_may_differ() {
        let local = RedirectUri::parse("http://127.0.0.1:3000/callback").unwrap();
        assert!(local.admit("http://127.0.0.1:3001/callback").is_some());
        assert!(local.admit("http://127.0.0.1/Callback").is_none());
        assert!(local.admit("http://localhost:3000/callback").is_none());
        assert!(local.admit("https://127.0.0.1:3000/callback").is_none());
        assert!(local.has_origin("http://127.0.0.1:5000") && !local.has_origin("http://localhost:3000"));

        let remote = RedirectUri::parse("https://app.example").unwrap();
        assert!(remote.admit("https://app.example/").is_some());
        assert!(remote.admit("https://app.example:8443/").is_none());
        assert!(remote.admit("https://app.example/?next=1").is_none());
    }
}
