//! What Spin changes in a request before the component sees it.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Uri,
    header::{CONNECTION, HOST},
    uri::{Authority, Scheme},
};

use super::{chaining::component_of, routes::RouteMatch};

/// The origin and the route of a request.
pub(super) struct RequestContext<'a> {
    pub(super) route: &'a RouteMatch,
    pub(super) client: SocketAddr,
}

/// Removes headers of the connection, and a `Host` that belongs to Spin's service chaining.
pub(super) fn strip_headers(headers: &mut HeaderMap) {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if host.and_then(component_of).is_some() {
        headers.remove(HOST);
    }
    headers.remove(CONNECTION);
}

/// Makes the URI absolute, with the `Host` header if the request line has no authority.
///
/// # Errors
/// If there is neither, or they differ.
pub(super) fn with_absolute_uri<B>(mut request: Request<B>) -> Result<Request<B>> {
    let from_header: Option<Authority> = match request.headers().get(HOST) {
        None => None,
        Some(host) => Some(
            host.to_str().context("the Host header is not text")?.parse().context("the Host header is no authority")?,
        ),
    };
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    let authority = match (from_header, parts.authority.take()) {
        (None, None) => bail!("the request has no Host header"),
        (Some(from_header), Some(from_line)) => {
            ensure!(from_header == from_line, "the Host header and the request line name different hosts");
            from_line
        }
        (Some(one), None) | (None, Some(one)) => one,
    };
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    *request.uri_mut() = Uri::from_parts(parts)?;
    Ok(request)
}

/// Appends Spin's headers about the route, after headers of the same names from the client.
///
/// # Errors
/// If the value of a header is not UTF-8. Spin does not pass such requests to components.
pub(super) fn with_spin_headers<B>(mut request: Request<B>, context: &RequestContext<'_>) -> Result<Request<B>> {
    for (name, value) in request.headers() {
        ensure!(std::str::from_utf8(value.as_bytes()).is_ok(), "the value of header {name} is not UTF-8");
    }
    let RequestContext { route, client } = context;
    let uri = request.uri();
    let host = match request.headers().get(HOST) {
        Some(host) => host.to_str().unwrap_or_default().to_owned(),
        None => "localhost".to_owned(),
    };
    let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
    let described = [
        ("spin-path-info", route.trailing.clone()),
        ("spin-full-url", format!("http://{host}{path_and_query}")),
        ("spin-matched-route", route.normal_form.clone()),
        ("spin-base-path", "/".to_owned()),
        ("spin-raw-component-route", route.pattern.clone()),
        ("spin-component-route", route.prefix().to_owned()),
        ("spin-client-addr", client.to_string()),
    ];
    for (name, value) in described {
        // Values that are not valid in a header are omitted.
        if let Ok(value) = HeaderValue::try_from(value) {
            request.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::Routes;

    fn request(uri: &str, headers: &[(&str, &[u8])]) -> Request<()> {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn the_uri_becomes_absolute() {
        for (uri, host, expected) in [
            ("/a?b", Some("one.test:80"), Some("http://one.test:80/a?b")),
            ("http://one.test/a", None, Some("http://one.test/a")),
            ("http://one.test/a", Some("one.test"), Some("http://one.test/a")),
            ("http://one.test/a", Some("two.test"), None),
            ("/a", Some("no host"), None),
            ("/a", None, None),
        ] {
            let headers: Vec<(&str, &[u8])> = host.iter().map(|host| ("host", host.as_bytes())).collect();
            let absolute = with_absolute_uri(request(uri, &headers));
            let actual = absolute.ok().map(|request| request.uri().to_string());
            assert_eq!(actual.as_deref(), expected, "{uri} {host:?}");
        }
    }

    #[test]
    fn spin_headers_come_after_the_clients() {
        let routes = Routes::new([("/user/...", "component")]).unwrap();
        let route = routes.find("/user/7/files/").unwrap();
        let context = RequestContext { route: &route, client: "127.0.0.1:5000".parse().unwrap() };
        let sent =
            request("http://one.test/user/7/files/?q", &[("host", b"one.test"), ("spin-client-addr", b"forged")]);
        let seen = with_spin_headers(sent, &context).unwrap();
        let values =
            |name| -> Vec<&str> { seen.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect() };
        assert_eq!(values("spin-client-addr"), ["forged", "127.0.0.1:5000"]);
        assert_eq!(values("spin-path-info"), ["/7/files/"]);
        assert_eq!(values("spin-full-url"), ["http://one.test/user/7/files/?q"]);
        assert_eq!(values("spin-matched-route"), ["/user/..."]);
        assert_eq!(values("spin-raw-component-route"), ["/user/..."]);
        assert_eq!(values("spin-component-route"), ["/user"]);
        assert_eq!(values("spin-base-path"), ["/"]);

        let not_text = request("/", &[("x-name", b"\xff")]);
        assert!(with_spin_headers(not_text, &context).is_err());
    }

    #[test]
    fn connection_headers_do_not_reach_the_component() {
        for (host, is_kept) in [("one.test", true), ("one.spin.internal:80", false)] {
            let mut request = request("/", &[("host", host.as_bytes()), ("connection", b"close")]);
            strip_headers(request.headers_mut());
            assert_eq!(request.headers().contains_key(HOST), is_kept, "{host}");
            assert!(!request.headers().contains_key(CONNECTION));
        }
    }
}
