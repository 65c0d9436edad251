//! `scheme://host[:port]`.

use http::uri::Authority;

/// Domains that stand for the reader's own in Microsoft's pages and in others.
const STAND_INS: [&str; 4] = ["example.com", "example.net", "example.org", "contoso.com"];

/// Where a server answers: `https`, or `http` on this machine alone, where no one listens in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// Reads an origin, and brings it to the normal form of RFC 3986, sections 6.2.2.1 and 6.2.3: in lower case, without the
    /// default port and a slash at its end.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence that begins with the setting's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty; set https://host or https://host:port".to_owned());
        }
        let fault = |words: &str| Err(format!("{words}; write it as https://host or https://host:port"));
        let (default_port, rest) = match text.split_once("://") {
            Some(("https", rest)) => (443, rest),
            Some(("http", rest)) => (80, rest),
            _ => return fault("does not begin with https://"),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '\\', '@']) {
            return fault("has more than a host and a port");
        }
        let Ok(authority) = rest.parse::<Authority>() else { return fault("has no host that can be read") };
        let host = authority.host().to_ascii_lowercase();
        if host.is_empty() || host.ends_with('.') || host.contains('*') {
            return fault("has no host that can be read");
        }
        if STAND_INS
            .iter()
            .any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
        {
            return fault("still has the host of an example");
        }
        if default_port == 80 && !is_loopback(&host) {
            return Err("is http, which is accepted for loopback hosts only; use https".to_owned());
        }
        let scheme = if default_port == 80 { "http" } else { "https" };
        match authority.port_u16() {
            Some(port) if port != default_port => Ok(Self(format!("{scheme}://{host}:{port}"))),
            None if rest.len() != host.len() => fault("has no valid port after its colon"),
            _ => Ok(Self(format!("{scheme}://{host}"))),
        }
    }

    /// The origin, without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is reached by TLS.
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

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.trim_matches(['[', ']']).parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
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
