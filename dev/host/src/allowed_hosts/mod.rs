//! `allowed_outbound_hosts`: which destinations a component may call, in Spin's grammar.
//!
//! An entry is `scheme://host[:port]`. The scheme is a word or `*`; the host a name, an address,
//! `*`, `*.domain`, a network (`10.0.0.0/8`) or `self`; the port a number, `*` or a half-open range
//! (`8000..9000`), and may be left out where the scheme has a well-known one.

mod patterns;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use url::Url;

use self::patterns::{HostPattern, PortPattern, SchemePattern, well_known_port};
use super::template::Template;

/// The destinations that one component may call.
#[derive(Debug, Default)]
pub(super) struct AllowedHosts(Vec<AllowedHost>);

impl AllowedHosts {
    /// Fills the entries' variables from `values` and reads the results.
    ///
    /// An entry of variables that all turn out empty grants nothing: an endpoint nobody configured.
    pub(super) fn resolve(entries: &[Template], values: &BTreeMap<String, String>) -> Result<Self> {
        let mut hosts = Vec::new();
        for entry in entries {
            let text = entry.render(values)?;
            let is_unset = matches!(text.as_str(), "" | "http://" | "https://");
            if entry.is_literal() || !is_unset {
                hosts.push(AllowedHost::parse(&text)?);
            }
        }
        Ok(Self(hosts))
    }

    /// Whether a request to `url` may be sent.
    pub(super) fn allow(&self, url: &Url) -> bool {
        self.0.iter().any(|host| host.allows(url))
    }

    /// Whether a request to the application itself may be sent.
    pub(super) fn allow_self(&self) -> bool {
        self.0.iter().any(AllowedHost::allows_self)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct AllowedHost {
    scheme: SchemePattern,
    host: HostPattern,
    port: PortPattern,
}

impl AllowedHost {
    fn parse(entry: &str) -> Result<Self> {
        if entry == "insecure:allow-all" {
            bail!("`insecure:allow-all` is gone from Spin: name the hosts, or write `*://*:*`");
        }
        let Some((scheme, rest)) = entry.trim().split_once("://") else {
            bail!("`{entry}` has no scheme: write `scheme://host[:port]`");
        };
        let (host, port) = split_port(rest).with_context(|| format!("in `{entry}`"))?;
        Ok(Self {
            port: PortPattern::parse(port, scheme).with_context(|| format!("the port of `{entry}`"))?,
            scheme: SchemePattern::parse(scheme).with_context(|| format!("the scheme of `{entry}`"))?,
            host: HostPattern::parse(host).with_context(|| format!("the host of `{entry}`"))?,
        })
    }

    fn allows(&self, url: &Url) -> bool {
        self.scheme.allows(url.scheme())
            && url.host().is_some_and(|host| self.host.allows(&host))
            && self.port.allows(url.port().or_else(|| well_known_port(url.scheme())))
    }

    fn allows_self(&self) -> bool {
        (self.scheme.allows("http") || self.scheme.allows("https"))
            && matches!(self.host, HostPattern::Any | HostPattern::Itself)
    }
}

/// Splits `host[:port][/]`, where the host may itself hold colons (`[::1]`, `ff00::/8`).
fn split_port(rest: &str) -> Result<(&str, &str)> {
    match rest.rsplit_once(':') {
        None => Ok((rest, "")),
        Some((host, "")) => Ok((host, "")),
        Some(_) if HostPattern::parse(rest).is_ok() => Ok((rest, "")),
        Some((host, tail)) => match tail.split_once('/') {
            None => Ok((host, tail)),
            Some((port, "")) => Ok((host, port)),
            Some(_) => bail!("a path is not part of an allowed host: end after the port"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(entry: &str) -> AllowedHosts {
        AllowedHosts::resolve(&[Template::parse(entry).unwrap()], &BTreeMap::new()).unwrap()
    }

    #[test]
    fn entries_allow_what_spin_allows() {
        for (entry, url, expected) in [
            ("http://example.com", "http://example.com/path?query", true),
            ("http://example.com/", "http://example.com:80/", true),
            ("http://example.com", "http://example.com:81/", false),
            ("http://example.com", "https://example.com/", false),
            ("http://example.com:", "http://example.com/", true),
            ("http://EXAMPLE.com", "http://example.COM/", true),
            ("https://example.com", "https://example.com:443/", true),
            ("*://example.com:7777", "ftp://example.com:7777/", true),
            ("https://example.com:*", "https://example.com:9/", true),
            ("http://example.com:80..82", "http://example.com:81/", true),
            ("http://example.com:80..82", "http://example.com:82/", false),
            ("http://*.example.com", "http://a.b.example.com/", true),
            ("http://*.example.com", "http://example.com/", false),
            ("http://*.example.com", "http://badexample.com/", false),
            ("http://*", "http://anything.test/", true),
            ("*://*:*", "https://anything.test:1/", true),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000/", true),
            ("http://127.0.0.1:3000", "http://localhost:3000/", false),
            ("http://10.0.0.0/8", "http://10.1.2.3/", true),
            ("http://10.0.0.0/8", "http://11.1.2.3/", false),
            ("http://10.0.0.0/8", "http://ten.test/", false),
            ("*://127.0.0.1/24:63551", "http://127.0.0.9:63551/", true),
            ("http://[::1]", "http://[::1]/", true),
            ("http://[::1]:8000..9000", "http://[::1]:8080/", true),
            ("http://2001:db8::/32", "http://[2001:db8::1]/", true),
            ("http://2001:db8::/32:443", "http://[2001:db8::1]:443/", true),
            ("http://self", "http://self/", false),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(allowed(entry).allow(&url), expected, "{entry} for {url}");
        }
    }

    #[test]
    fn requests_to_the_application_itself_need_self_or_any() {
        for (entry, expected) in [
            ("http://self", true),
            ("https://self.alt", true),
            ("*://*:*", true),
            ("http://localhost", false),
            ("redis://self", false),
        ] {
            assert_eq!(allowed(entry).allow_self(), expected, "{entry}");
        }
    }

    #[test]
    fn malformed_entries_are_refused() {
        for entry in [
            "",
            "*",
            "example.com",
            "example.com:80",
            "[::1]:8080",
            "insecure:allow-all",
            "http://example.com/a",
            "http://example.com:1/a",
            "http://example.com//",
            "http://example.com:notaport",
            "http://example.com:99999",
            "http://example.com:80..",
            "http://example.com:80:90",
            "*://example.com",
            "tcp://example.com",
            "{http,https}://example.com",
            "http://{a,b}",
            "http://example.com:{80,81}",
            "http://a.*.com",
            "http://*.",
            "http://*.127.0.0.1",
            "http://*.[::1]",
            "http://[::1",
            "http://[::1]/foo",
            "http://exa[mple.com",
        ] {
            assert!(AllowedHost::parse(entry).is_err(), "{entry} must be refused");
        }
    }

    #[test]
    fn variables_fill_entries_and_empty_ones_grant_nothing() {
        let values = BTreeMap::from([
            ("graph".to_owned(), "https://graph.test".to_owned()),
            ("unset".to_owned(), String::new()),
        ]);
        let entries =
            ["{{ graph }}", "{{ unset }}", "https://{{ unset }}"].map(|entry| Template::parse(entry).unwrap());
        let hosts = AllowedHosts::resolve(&entries, &values).unwrap();
        assert_eq!(hosts.0, [AllowedHost::parse("https://graph.test").unwrap()]);

        let blank = [Template::parse(" {{ graph }}/x").unwrap()];
        assert!(AllowedHosts::resolve(&blank, &values).is_err());
    }
}
