//! `allowed_outbound_hosts`: which destinations a component may call, in Spin's grammar.
//!
//! An entry is `scheme://host[:port]`. The scheme is a word or `*`; the host a name, an address,
//! `*`, `*.domain`, a network (`10.0.0.0/8`) or `self`; the port a number, `*` or a half-open range
//! (`8000..9000`), and may be left out where the scheme has a well-known one.

use std::{collections::BTreeMap, net::IpAddr, ops::Range};

use anyhow::{Context, Result, bail};
use ipnet::IpNet;
use url::{Host, Url};

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

#[derive(Clone, Debug, PartialEq, Eq)]
enum SchemePattern {
    Any,
    Exact(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Any,
    /// `*.example.com`, kept as `.example.com`.
    Subdomains(String),
    /// The application's own routes, named by a relative URL or `self.alt`.
    Itself,
    Exact(Host),
    Network(IpNet),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PortPattern {
    Any,
    Exact(u16),
    Range(Range<u16>),
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

impl SchemePattern {
    fn parse(scheme: &str) -> Result<Self> {
        if scheme == "*" {
            return Ok(Self::Any);
        }
        if !scheme.chars().all(char::is_alphabetic) {
            bail!("must be one word of letters, or `*`");
        }
        Ok(Self::Exact(scheme.to_owned()))
    }

    fn allows(&self, scheme: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == scheme,
        }
    }
}

impl HostPattern {
    fn parse(host: &str) -> Result<Self> {
        let host = host.trim();
        match host {
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => return Ok(Self::Itself),
            _ => {}
        }
        if let Ok(network) = host.parse::<IpNet>() {
            return Ok(Self::Network(network.trunc()));
        }
        let host = host.strip_suffix('/').unwrap_or(host);
        if host.contains('/') {
            bail!("a path is not part of an allowed host");
        }
        let (domain, is_wildcard) = match host.strip_prefix("*.") {
            Some(domain) => (domain, true),
            None => (host, false),
        };
        if domain.starts_with('{') {
            bail!("lists in braces are not part of the grammar: write one entry for each host");
        }
        if domain.contains('*') {
            bail!("`*` may only stand alone or as the first label");
        }
        match (Host::parse(domain)?, is_wildcard) {
            (Host::Domain(domain), true) => Ok(Self::Subdomains(format!(".{domain}"))),
            (_, true) => bail!("`*.` must be followed by a domain, not an address"),
            (host, false) => Ok(Self::Exact(host)),
        }
    }

    fn allows(&self, host: &Host<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::Itself => false,
            Self::Exact(exact) => exact == host,
            Self::Subdomains(suffix) => {
                matches!(host, Host::Domain(domain) if domain.ends_with(suffix))
            }
            Self::Network(network) => match host {
                Host::Domain(_) => false,
                Host::Ipv4(address) => network.contains(&IpAddr::V4(*address)),
                Host::Ipv6(address) => network.contains(&IpAddr::V6(*address)),
            },
        }
    }
}

impl PortPattern {
    fn parse(port: &str, scheme: &str) -> Result<Self> {
        if port == "*" {
            return Ok(Self::Any);
        }
        if port.is_empty() {
            return well_known_port(scheme)
                .map(Self::Exact)
                .with_context(|| format!("is missing, and `{scheme}` has no well-known one: add `:port` or `:*`"));
        }
        if let Some((start, end)) = port.split_once("..") {
            return Ok(Self::Range(parse_port(start)?..parse_port(end)?));
        }
        parse_port(port).map(Self::Exact)
    }

    fn allows(&self, port: Option<u16>) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => port == Some(*exact),
            Self::Range(range) => port.is_some_and(|port| range.contains(&port)),
        }
    }
}

fn parse_port(port: &str) -> Result<u16> {
    port.parse().with_context(|| format!("`{port}` is not a port number (0 to 65535)"))
}

fn well_known_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "mqtt" => Some(1883),
        "mysql" => Some(3306),
        "postgres" => Some(5432),
        "redis" => Some(6379),
        _ => None,
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
