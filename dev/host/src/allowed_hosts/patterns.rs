//! The three parts of an entry of `allowed_outbound_hosts`.

use std::{net::IpAddr, ops::Range};

use anyhow::{Context, Result, bail};
use ipnet::IpNet;
use url::Host;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SchemePattern {
    Any,
    Exact(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostPattern {
    Any,
    /// `*.example.com`, kept as `.example.com`.
    Subdomains(String),
    /// The application's own routes, named by a relative URL or `self.alt`.
    Itself,
    Exact(Host),
    Network(IpNet),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PortPattern {
    Any,
    Exact(u16),
    Range(Range<u16>),
}

impl SchemePattern {
    pub(super) fn parse(scheme: &str) -> Result<Self> {
        if scheme == "*" {
            return Ok(Self::Any);
        }
        if !scheme.chars().all(char::is_alphabetic) {
            bail!("must be one word of letters, or `*`");
        }
        Ok(Self::Exact(scheme.to_owned()))
    }

    pub(super) fn allows(&self, scheme: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == scheme,
        }
    }
}

impl HostPattern {
    pub(super) fn parse(host: &str) -> Result<Self> {
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

    pub(super) fn allows(&self, host: &Host<&str>) -> bool {
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
    pub(super) fn parse(port: &str, scheme: &str) -> Result<Self> {
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

    pub(super) fn allows(&self, port: Option<u16>) -> bool {
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

/// The port that a URL of this scheme means when it names none.
pub(super) fn well_known_port(scheme: &str) -> Option<u16> {
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
