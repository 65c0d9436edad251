//! `scheme://host[:port]`.

use entra_obo::settings::address;

/// The address of a server: `https`, or `http` on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// Parses an address that has to be set.
    ///
    /// # Errors
    /// What to set.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty; set https://host or https://host:port".to_owned());
        }
        address::server(text).map(Self)
    }

    /// An origin that was parsed.
    pub(super) const fn new(origin: String) -> Self {
        Self(origin)
    }

    /// The origin, without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it uses TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// Whether `url` leads to this origin.
    #[must_use]
    pub fn is_of(&self, url: &str) -> bool {
        url.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with(['/', '?']) || rest.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::WebOrigin;

    #[test]
    fn an_origin_is_https_or_loopback_and_has_no_path() {
        for (text, expected) in [
            ("https://app.example", Some("https://app.example")),
            ("https://app.example:8443/", Some("https://app.example:8443")),
            ("http://127.0.0.1:3001", Some("http://127.0.0.1:3001")),
            ("http://[::1]:3001", Some("http://[::1]:3001")),
            ("http://localhost", Some("http://localhost")),
            ("https://APP.example:443/", Some("https://app.example")),
            ("http://localhost:80", Some("http://localhost")),
            ("https://*", None),
            ("https://app.example:", None),
            ("https://app.example.com", None),
            ("http://app.example", None),
            ("http://127.0.0.1.example", None),
            ("https://app.example/path", None),
            ("https://user@app.example", None),
            ("https://app.example?x", None),
            ("app.example", None),
            ("https://", None),
            ("ftp://127.0.0.1", None),
            ("", None),
        ] {
            assert_eq!(WebOrigin::parse(text).ok().as_ref().map(WebOrigin::as_str), expected, "{text}");
        }
    }

    #[test]
    fn a_url_is_of_an_origin_or_of_one_that_looks_like_it() {
        let origin = WebOrigin::parse("https://login.example").unwrap();
        assert!(origin.is_of("https://login.example/tenant/authorize?x=y"));
        for url in ["https://login.example.evil/", "https://login.example@evil/", "http://login.example/", "/tenant"] {
            assert!(!origin.is_of(url), "{url}");
        }
    }
}
