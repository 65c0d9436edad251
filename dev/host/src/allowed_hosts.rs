//! `allowed_outbound_hosts`: which destinations a component may call.
//!
//! An entry is `scheme://host[:port]` with `http` or `https`. Of Spin's grammar this host does not support wildcards,
//! networks, ranges of ports and `self`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use url::{Host, Origin, Url};

use super::{chaining::component_of, template::Template};

/// The destinations that one component may call.
#[derive(Debug, Default)]
pub(super) struct AllowedHosts(Vec<Origin>);

impl AllowedHosts {
    /// Fills the entries' variables from `values` and reads the results.
    ///
    /// An entry whose variables are all empty grants nothing: it is an endpoint that is not configured.
    pub(super) fn resolve(entries: &[Template], values: &BTreeMap<String, String>) -> Result<Self> {
        let mut hosts = Vec::new();
        for entry in entries {
            let text = entry.render(values)?;
            let is_unset = matches!(text.as_str(), "" | "http://" | "https://");
            if entry.is_literal() || !is_unset {
                hosts.push(parse(&text)?);
            }
        }
        Ok(Self(hosts))
    }

    /// The ids of the components of the application that may be called.
    pub(super) fn components(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|origin| match origin {
            Origin::Tuple(_, Host::Domain(name), _) => component_of(name),
            _ => None,
        })
    }

    /// Whether a request to `url` may be sent.
    pub(super) fn allow(&self, url: &Url) -> bool {
        self.0.contains(&url.origin())
    }
}

fn parse(entry: &str) -> Result<Origin> {
    let Some((scheme, rest)) = entry.split_once("://") else {
        bail!("`{entry}` has no scheme: write `scheme://host[:port]`");
    };
    let is_unsupported = !matches!(scheme, "http" | "https")
        || rest.contains(['*', '{'])
        || rest.contains("..")
        || matches!(rest, "self" | "self.alt");
    ensure!(!is_unsupported, "`{entry}` is not supported by the embedded host; run with --spin");
    let url = Url::parse(entry).with_context(|| format!("`{entry}` is not `scheme://host[:port]`"))?;
    let has_more = url.path() != "/" || url.query().is_some() || url.fragment().is_some() || rest.contains('@');
    ensure!(!has_more, "`{entry}` is more than `scheme://host[:port]`");
    Ok(url.origin())
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
            ("https://example.com", "https://a.example.com/", false),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000/", true),
            ("http://127.0.0.1:3000", "http://localhost:3000/", false),
            ("http://[::1]", "http://[::1]/", true),
            ("http://one.spin.internal", "http://one.spin.internal/path", true),
            ("http://one.spin.internal", "http://two.spin.internal/path", false),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(allowed(entry).allow(&url), expected, "{entry} for {url}");
        }
    }

    #[test]
    fn what_spin_would_refuse_is_refused() {
        for entry in [
            "",
            "*",
            "example.com",
            "example.com:80",
            "insecure:allow-all",
            "http://example.com/a",
            "http://example.com:1/a",
            "http://example.com?a",
            "http://user@example.com",
            "http://example.com:notaport",
            "http://example.com:99999",
            "http://[::1",
            "http://exa[mple.com",
        ] {
            assert!(parse(entry).is_err(), "{entry}");
        }
    }

    #[test]
    fn what_only_spin_supports_is_refused_by_name() {
        for entry in [
            "*://*:*",
            "redis://example.com",
            "http://*.example.com",
            "http://example.com:*",
            "http://example.com:80..82",
            "http://self",
            "https://self.alt",
            "http://*.spin.internal",
        ] {
            let error = parse(entry).unwrap_err().to_string();
            assert_eq!(error, format!("`{entry}` is not supported by the embedded host; run with --spin"));
        }
        assert!(parse("http://10.0.0.0/8").is_err());
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
        assert_eq!(hosts.0, [parse("https://graph.test").unwrap()]);

        let with_path = [Template::parse("{{ graph }}/x").unwrap()];
        assert!(AllowedHosts::resolve(&with_path, &values).is_err());
    }
}
