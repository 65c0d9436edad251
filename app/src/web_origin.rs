//! `scheme://host[:port]`.

use http::Uri;

/// Where a server answers: `https`, or `http` on this machine alone, where no one listens in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// Reads an origin; a slash at its end is left out.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence that begins with the setting's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fault = || "is not of the form https://host[:port]".to_owned();
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        let uri: Uri = text.parse().map_err(|_| fault())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(fault()) };
        let bare = format!("{scheme}://{authority}");
        if text.strip_suffix('/').unwrap_or(text) != bare
            || authority.as_str().contains('@')
            || authority.host().is_empty()
        {
            return Err(fault());
        }
        match scheme {
            "https" => Ok(Self(bare)),
            "http" if is_loopback(authority.host()) => Ok(Self(bare)),
            "http" => Err("is http, which is accepted for loopback hosts only; use https".to_owned()),
            _ => Err(fault()),
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
