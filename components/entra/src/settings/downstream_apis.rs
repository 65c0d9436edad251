//! The APIs for which tokens are available: entries of the form `name = https://address scope ...`, separated by
//! semicolons or line breaks.

use std::collections::BTreeSet;

use entra_obo::{Downstream, settings::address};

/// The name of all permissions of an API.
pub(crate) const DEFAULT: &str = ".default";

/// As in Microsoft's configuration, a name is a path segment.
const MAX_NAME_CHARACTERS: usize = 64;

/// A downstream API that the operator has declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DownstreamApi {
    /// Its name in the paths of the sidecar.
    pub(crate) name: String,
    /// Its address, and the scopes that are requested for it.
    pub(crate) downstream: Downstream,
}

impl DownstreamApi {
    /// Scheme, host and port.
    #[must_use]
    pub(crate) fn origin(&self) -> String {
        split_origin(self.downstream.base_url()).0.to_owned()
    }

    /// The same API with only these scopes. Each must be declared by the operator, in full or by its last segment, or
    /// the operator must have declared `.default` (all that was consented to) of the same resource.
    ///
    /// # Errors
    /// The first scope that is not allowed.
    pub(crate) fn with_scopes<'s>(&self, scopes: &[&'s str]) -> Result<Downstream, &'s str> {
        let declared: Vec<&str> = self.downstream.scopes().split(' ').collect();
        let whole = scopes.iter().map(|scope| {
            let is_named =
                |known: &&&str| **known == *scope || known.rsplit_once('/').is_some_and(|(_, name)| name == *scope);
            if let Some(known) = declared.iter().find(is_named) {
                return Ok((*known).to_owned());
            }
            let resource = declared.iter().find_map(|known| known.strip_suffix("/.default")).ok_or(*scope)?;
            let name = scope.strip_prefix(resource).and_then(|rest| rest.strip_prefix('/')).unwrap_or(scope);
            let is_name =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
            if is_name { Ok(format!("{resource}/{name}")) } else { Err(*scope) }
        });
        // Repeated or reordered scopes give the same token, without another exchange.
        let whole: BTreeSet<String> = whole.collect::<Result<_, _>>()?;
        let whole: Vec<String> = whole.into_iter().collect();
        if mixes_default(&whole) {
            return Err(DEFAULT);
        }
        Ok(Downstream::new(self.downstream.base_url(), &whole.join(" ")))
    }
}

/// All entries.
///
/// # Errors
/// What is wrong with the first wrong one, which is named by its position.
pub(super) fn parse(text: &str) -> Result<Vec<DownstreamApi>, String> {
    let mut apis: Vec<DownstreamApi> = Vec::new();
    let entries = text.split([';', '\n']).map(str::trim).filter(|entry| !entry.is_empty());
    for (entry, place) in entries.zip(1_usize..) {
        let api = one(entry).map_err(|fault| format!("entry {place} {fault}"))?;
        if apis.iter().any(|known| known.name.eq_ignore_ascii_case(&api.name)) {
            return Err(format!("entry {place} has the name of an earlier one; names differ by more than letter case"));
        }
        apis.push(api);
    }
    Ok(apis)
}

fn one(entry: &str) -> Result<DownstreamApi, String> {
    const FORM: &str = "write it as name = https://address scope";
    if entry.bytes().any(|byte| !matches!(byte, b' '..=b'~')) {
        return Err("has a character that is not printable ASCII".to_owned());
    }
    let (name, rest) = entry.split_once('=').ok_or_else(|| format!("has no = after its name; {FORM}"))?;
    let name = name.trim();
    let is_name = (1..=MAX_NAME_CHARACTERS).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !is_name {
        return Err(format!("has a name that is too long, or not of letters, digits, - and _ only; {FORM}"));
    }
    let mut words = rest.split([' ', ',']).filter(|word| !word.is_empty());
    let base_url = base_url(words.next().ok_or_else(|| format!("has no address; {FORM}"))?)?;
    let scopes: Vec<&str> = words.collect();
    check_scopes(&scopes)?;
    Ok(DownstreamApi { name: name.to_owned(), downstream: Downstream::new(&base_url, &scopes.join(" ")) })
}

/// The API of this name, as the application itself calls it.
///
/// # Errors
/// What is wrong with the name, or with the API's scopes.
pub(super) fn of_application(apis: &[DownstreamApi], name: &str) -> Result<DownstreamApi, String> {
    let api = apis.iter().find(|api| api.name.eq_ignore_ascii_case(name));
    let api = api.ok_or("is the name of no API in downstream_apis")?;
    let downstream = api.downstream.of_application().ok_or(
        "is the name of an API whose scopes do not say which API they are of; write them as \
         https://graph.microsoft.com/User.Read",
    )?;
    Ok(DownstreamApi { name: api.name.clone(), downstream })
}

fn base_url(text: &str) -> Result<String, String> {
    let (origin, path) = split_origin(text);
    let origin = address::service(origin).map_err(|fault| format!("has an address that {fault}"))?;
    let path = path.trim_end_matches('/');
    if path.contains(['?', '#', '\\', '%']) || path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err("has an address with more than a plain path after its host".to_owned());
    }
    Ok(format!("{origin}{path}"))
}

fn check_scopes(scopes: &[&str]) -> Result<(), String> {
    if scopes.is_empty() {
        return Err(
            "has no scope after its address; https://graph.microsoft.com/.default asks for all that was consented \
                    to"
            .to_owned(),
        );
    }
    // `scope-token` of RFC 6749 section 3.3.
    if scopes.iter().any(|scope| scope.bytes().any(|byte| matches!(byte, b'"' | b'\\'))) {
        return Err("has a scope with characters that no scope can have".to_owned());
    }
    if scopes.contains(&"offline_access") {
        return Err("asks for offline_access; remove it, no refresh tokens are kept".to_owned());
    }
    if mixes_default(scopes) {
        return Err("has .default and other scopes, which Entra refuses; leave .default alone or remove it".to_owned());
    }
    let resource = |scope: &&str| scope.rsplit_once('/').map(|(resource, _)| resource.to_owned());
    let mut resources = scopes.iter().filter_map(resource);
    if let Some(first) = resources.next()
        && resources.any(|other| other != first)
    {
        return Err("has scopes of several APIs, which one token cannot have; write an entry for each".to_owned());
    }
    Ok(())
}

/// Whether `.default` is combined with other scopes, which Entra refuses (AADSTS70011).
fn mixes_default(scopes: &[impl AsRef<str>]) -> bool {
    scopes.len() > 1 && scopes.iter().any(|scope| scope.as_ref().ends_with("/.default"))
}

/// Splits an address where its path begins.
fn split_origin(text: &str) -> (&str, &str) {
    let host = text.find("://").map_or(0, |at| at.saturating_add(3));
    let rest = text.get(host..).unwrap_or_default();
    let end = rest.find('/').map_or(text.len(), |at| host.saturating_add(at));
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::parse;

    const GRAPH: &str = "https://graph.microsoft.com";

    #[test]
    fn entries_are_lines_or_separated_by_semicolons() {
        let two = [
            format!(
                "graph = {GRAPH}/v1.0/ {GRAPH}/User.Read {GRAPH}/Mail.Read; orders=http://orders.spin.internal api://x/.default"
            ),
            format!(
                "\n  graph = {GRAPH}/v1.0 {GRAPH}/User.Read, {GRAPH}/Mail.Read\n orders = http://orders.spin.internal api://x/.default\n"
            ),
        ];
        for text in two {
            let apis = parse(&text).unwrap();
            let seen: Vec<_> = apis
                .iter()
                .map(|api| (api.name.as_str(), api.downstream.base_url(), api.downstream.scopes()))
                .collect();
            let scopes = format!("{GRAPH}/User.Read {GRAPH}/Mail.Read");
            let expected = [
                ("graph", "https://graph.microsoft.com/v1.0", scopes.as_str()),
                ("orders", "http://orders.spin.internal", "api://x/.default"),
            ];
            assert_eq!(seen, expected);
        }
        assert_eq!(parse(""), Ok(Vec::new()));
    }

    #[test]
    fn what_cannot_work_is_refused_by_position() {
        for (text, words) in [
            ("graph", "no ="),
            ("= https://x.example s", "name"),
            ("a b = https://x.example s", "name"),
            ("a/b = https://x.example s", "name"),
            ("graph =", "no address"),
            ("graph = https://x.test", "no scope"),
            ("graph = x.test s", "https://"),
            ("graph = http://x.test s", "http"),
            ("graph = https://x.test/../y s", "plain path"),
            ("graph = https://x.test/?y s", "more"),
            ("graph = https://x.test/%2e s", "plain path"),
            ("graph = https://x.test offline_access", "offline_access"),
            ("graph = https://x.test api://a/b api://c/d", "several APIs"),
            ("graph = https://x.test api://a/.default api://a/d", ".default"),
            ("graph = https://x.test s; GRAPH = https://x.test s", "earlier"),
            ("graph = https://x.test s\u{e9}", "ASCII"),
        ] {
            let fault = parse(text).unwrap_err();
            assert!(fault.starts_with("entry ") && fault.contains(words), "{text}: {fault}");
        }
    }

    #[test]
    fn a_caller_may_narrow_the_scopes_and_not_widen_them() {
        let text = "graph = https://graph.test https://graph.test/User.Read https://graph.test/Mail.Read\n\
                    all = https://all.test api://all/.default";
        let apis = parse(text).unwrap();
        let scopes = |at: usize, scopes: &[&'static str]| {
            apis[at].with_scopes(scopes).map(|downstream| downstream.scopes().to_owned())
        };
        assert_eq!(scopes(0, &["User.Read"]), Ok("https://graph.test/User.Read".to_owned()));
        assert_eq!(scopes(0, &["https://graph.test/Mail.Read"]), Ok("https://graph.test/Mail.Read".to_owned()));
        for wider in ["Mail.Send", "https://graph.test/.default", ".default", "https://other.test/User.Read", ""] {
            assert_eq!(scopes(0, &["User.Read", wider]), Err(wider));
        }
        assert_eq!(scopes(1, &["read", "api://all/write"]), Ok("api://all/read api://all/write".to_owned()));
        assert_eq!(scopes(1, &[".default", "api://all/.default"]), Ok("api://all/.default".to_owned()));
        for mixed in [&["read", ".default"][..], &["api://all/.default", "api://all/read"]] {
            assert_eq!(scopes(1, mixed), Err(".default"));
        }
        for other in ["api://other/read", "api://all/", "a b", "api://all/x/y"] {
            assert_eq!(scopes(1, &[other]), Err(other));
        }
    }
}
