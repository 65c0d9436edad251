//! Maps paths to components, with Spin's precedence.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

/// Paths that Spin itself serves, whatever the manifest says.
pub(super) const WELL_KNOWN_PREFIX: &str = "/.well-known/spin/";

/// The application's routes.
pub(super) struct Routes(routefinder::Router<Route>);

#[derive(Clone, Debug)]
struct Route {
    component: String,
    /// As in the manifest.
    pattern: String,
    /// With a leading and without a trailing slash, as Spin matches it.
    normal_form: String,
}

/// The route that a request's path matched.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RouteMatch {
    pub(super) component: String,
    /// The route as in the manifest.
    pub(super) pattern: String,
    /// The route with a leading and without a trailing slash.
    pub(super) normal_form: String,
    /// What `/...` matched; empty for a route without it.
    pub(super) trailing: String,
}

impl Routes {
    /// Builds the table from (pattern, component) pairs. Of two equal patterns, the later one counts.
    pub(super) fn new<'a>(routes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let by_pattern: BTreeMap<&str, &str> = routes.into_iter().collect();
        let mut router = routefinder::Router::new();
        for (pattern, component) in by_pattern {
            let normal_form = normalize(pattern);
            if normal_form.starts_with(WELL_KNOWN_PREFIX) {
                bail!("route `{pattern}`: Spin keeps {WELL_KNOWN_PREFIX} for itself");
            }
            if normal_form.contains("/:") || normal_form.contains('*') {
                bail!("route `{pattern}` is not supported by the embedded host; run with --spin");
            }
            let specification = match normal_form.strip_suffix("/...") {
                Some(prefix) => format!("{prefix}/*"),
                None => normal_form.clone(),
            };
            let route = Route { component: component.to_owned(), pattern: pattern.to_owned(), normal_form };
            router
                .add(specification.as_str(), route)
                .map_err(anyhow::Error::msg)
                .with_context(|| format!("route `{pattern}` of component {component}"))?;
        }
        Ok(Self(router))
    }

    /// The best match: exact routes before `/...`, then the longest.
    pub(super) fn find(&self, path: &str) -> Option<RouteMatch> {
        let found = self.0.best_match(path)?;
        let route = found.handler();
        let captures = found.captures();
        Some(RouteMatch {
            component: route.component.clone(),
            pattern: route.pattern.clone(),
            normal_form: route.normal_form.clone(),
            trailing: captures.wildcard().map(|rest| trailing(rest, path)).unwrap_or_default(),
        })
    }
}

impl RouteMatch {
    /// What a request of another component matches: the route `/...`, whatever the routes of `component` are.
    pub(super) fn chained(component: String, path: &str) -> Self {
        let pattern = "/...".to_owned();
        Self { component, normal_form: pattern.clone(), pattern, trailing: path.to_owned() }
    }

    /// The route without its `/...`.
    pub(super) fn prefix(&self) -> &str {
        self.pattern.strip_suffix("/...").unwrap_or(&self.pattern)
    }
}

fn normalize(pattern: &str) -> String {
    let absolute = if pattern.starts_with('/') { pattern.to_owned() } else { format!("/{pattern}") };
    match absolute.strip_suffix('/') {
        Some(stripped) => stripped.to_owned(),
        None => absolute,
    }
}

/// The router removes the slashes around the match of a wildcard; Spin keeps them.
fn trailing(rest: &str, path: &str) -> String {
    match (rest.is_empty(), path.ends_with('/')) {
        (true, false) => String::new(),
        (true, true) => "/".to_owned(),
        (false, false) => format!("/{rest}"),
        (false, true) => format!("/{rest}/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_the_same_component_as_in_spin() {
        let routes = Routes::new([
            ("/", "root"),
            ("/api/profile", "exact"),
            ("/api/...", "api"),
            ("/api/deep/...", "deep"),
            ("relative", "relative"),
        ])
        .unwrap();
        for (path, component, trailing) in [
            ("/", Some("root"), ""),
            ("/api/profile", Some("exact"), ""),
            ("/api/profile/", Some("exact"), ""),
            ("/api/profile/x", Some("api"), "/profile/x"),
            ("/api", Some("api"), ""),
            ("/api/", Some("api"), "/"),
            ("/api/deep/a/b/", Some("deep"), "/a/b/"),
            ("/relative", Some("relative"), ""),
            ("/other", None, ""),
        ] {
            let found = routes.find(path);
            let actual = found.as_ref().map(|found| found.component.as_str());
            assert_eq!(actual, component, "{path}");
            assert_eq!(found.map(|found| found.trailing).unwrap_or_default(), trailing, "{path}");
        }
        assert_eq!(routes.find("/api/deep/a").unwrap().prefix(), "/api/deep");
    }

    #[test]
    fn the_later_of_two_equal_routes_counts() {
        let routes = Routes::new([("/a", "first"), ("/a", "second")]).unwrap();
        assert_eq!(routes.find("/a").unwrap().component, "second");
    }

    #[test]
    fn reserved_and_unsupported_routes_are_refused() {
        assert!(Routes::new([("/.well-known/spin/...", "own")]).is_err());
        let error = Routes::new([("/user/:id", "user")]).err().unwrap().to_string();
        assert!(error.contains("`/user/:id` is not supported"), "{error}");
    }
}
