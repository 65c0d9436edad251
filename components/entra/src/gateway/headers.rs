//! Which headers pass through the gateway.

use std::{borrow::Cow, net::SocketAddr};

use entra_obo::toolkit::{CLIENT_REQUEST_ID, REQUEST_ID, RequestHead, TRACEPARENT};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::settings::GatewaySettings;

/// The address of the connection, with its port. Spin adds it after whatever the sender wrote.
const CLIENT_ADDRESS: &str = "spin-client-addr";

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Headers that belong to one connection (RFC 9110 section 7.6.1) or name its destination: the request to the app uses
/// another connection, to another host. `Expect` was answered by the server that received the request.
const OF_CONNECTION: [&str; 11] = [
    "connection",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// The headers by which the app identifies its caller. Only this gateway may set them; those that begin with `spin-` are
/// Spin's own.
const OF_IDENTITY: [&str; 3] = ["x-ms-client-principal", "x-ms-token-", "spin-"];

/// Headers by which some frameworks route to another target than the one that was judged. `Proxy` is no standard header, but
/// CGI turns it into a variable by which HTTP clients choose their proxy. `Forwarded` would contradict the `X-Forwarded`
/// headers.
const MISLEADING: [&str; 6] =
    ["forwarded", "proxy", "x-original-uri", "x-original-url", "x-rewrite-uri", "x-rewrite-url"];

/// Headers in which a proxy in front describes a request.
const FORWARDED: &str = "x-forwarded-";

/// Headers that tell browsers what pages of other origins may do.
const OF_CORS: [HeaderName; 5] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
];

/// Hosts let a component send heads of 128 KiB, in which each header counts [`HEADER_BYTES`] more than its text.
const MAX_HEAD_BYTES: usize = 120 * 1024;

/// What wasmtime counts for a header beside its text, rounded up.
const HEADER_BYTES: usize = 96;

/// Whether no host would send these headers on.
#[must_use]
pub(super) fn are_too_large(headers: &HeaderMap) -> bool {
    let sizes = headers.iter().map(|(name, value)| name.as_str().len().saturating_add(value.len()));
    sizes.fold(0, |sum: usize, size| sum.saturating_add(size).saturating_add(HEADER_BYTES)) > MAX_HEAD_BYTES
}

/// The headers of a request that reach the app unchanged.
#[must_use]
pub(super) fn to_app(request: &HeaderMap, gateway: &GatewaySettings) -> HeaderMap {
    let listed = listed_in_connection(request);
    let mut headers = HeaderMap::with_capacity(request.len());
    for (name, value) in request {
        let is_dropped = is_of_connection(name, &listed)
            || is_spoofed(name, gateway)
            || name == header::AUTHORIZATION && !gateway.forward_authorization;
        if !is_dropped {
            headers.append(name.clone(), value.clone());
        }
    }
    // In HTTP/2 each cookie may have a line of its own (RFC 9113 section 8.2.3).
    join(&mut headers, &header::COOKIE, "; ");
    if accepts_trailers(request) {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    headers
}

/// Adds where the request comes from and how the caller addressed the app, which itself sees an internal address. As with
/// any proxy, only the entry of the last one in front can be trusted: it is kept, and the connection's address is appended.
pub(super) fn add_forwarded(headers: &mut HeaderMap, request: &RequestHead, public_url: Option<&str>) {
    let address = request.headers.get_all(CLIENT_ADDRESS).iter().next_back().and_then(|value| value.to_str().ok());
    let address = address.and_then(|text| text.parse::<SocketAddr>().ok()).map(|address| address.ip().to_string());
    if let Some(Ok(address)) = address.map(HeaderValue::try_from) {
        headers.append(FORWARDED_FOR, address);
    }
    // Many programs read the first line alone, which would end with what the sender wrote.
    join(headers, &FORWARDED_FOR, ", ");
    let (proto, host) = match public_url.and_then(|origin| origin.split_once("://")) {
        Some((proto, host)) => (Some(proto), Some(host)),
        None => (None, request.authority.as_deref()),
    };
    for (name, value) in [(FORWARDED_PROTO, proto), (FORWARDED_HOST, host)] {
        // The operator's setting takes precedence; without it, a proxy in front knows better than this connection.
        if let Some(Ok(value)) = value.map(HeaderValue::from_str)
            && (public_url.is_some() || !headers.contains_key(&name))
        {
            headers.insert(name, value);
        }
    }
}

/// Makes one line of those of a header, of which empty ones say nothing.
fn join(headers: &mut HeaderMap, name: &HeaderName, separator: &str) {
    if headers.get_all(name).iter().nth(1).is_none() {
        return;
    }
    let lines: Vec<&[u8]> =
        headers.get_all(name).iter().map(HeaderValue::as_bytes).filter(|line| !line.is_empty()).collect();
    if let Ok(line) = HeaderValue::from_bytes(&lines.join(separator.as_bytes())) {
        headers.insert(name, line);
    }
}

/// The trailers of a request, without those that would mean something as a header: frameworks merge the two.
#[must_use]
pub(super) fn trailers_to_app(trailers: &HeaderMap, gateway: &GatewaySettings) -> HeaderMap {
    let means_something = |name: &HeaderName| {
        [header::AUTHORIZATION, header::COOKIE, header::TRAILER, REQUEST_ID, CLIENT_REQUEST_ID, TRACEPARENT]
            .contains(name)
            || ["content-", FORWARDED].iter().any(|family| name.as_str().starts_with(family))
    };
    let is_passed =
        |name: &HeaderName| !is_of_connection(name, &[]) && !is_spoofed(name, gateway) && !means_something(name);
    trailers.iter().filter(|(name, _)| is_passed(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Removes the headers that belong to the connection to the app from its response.
pub(super) fn without_connection(response: &mut HeaderMap) {
    let listed = listed_in_connection(response);
    let names: Vec<HeaderName> = response.keys().filter(|name| is_of_connection(name, &listed)).cloned().collect();
    for name in names {
        response.remove(name);
    }
}

/// Removes the app's own CORS headers.
pub(super) fn without_cors(response: &mut HeaderMap) {
    for name in OF_CORS {
        response.remove(name);
    }
}

fn is_of_connection(name: &HeaderName, listed: &[String]) -> bool {
    OF_CONNECTION.contains(&name.as_str()) || listed.iter().any(|listed| listed == name.as_str())
}

/// Whether the app could mistake a header for one of the gateway or of a proxy.
fn is_spoofed(name: &HeaderName, gateway: &GatewaySettings) -> bool {
    let plain = plain(name);
    let is_disguised = matches!(plain, Cow::Owned(_));
    is_of_guard(&plain)
        || is_disguised && is_of_message(&plain)
        || gateway.claims_to_headers.iter().any(|mapping| mapping.header.as_str() == plain)
}

/// Whether nobody but a server, a proxy or a gateway sets this header, whatever it is called in disguise.
pub(crate) fn is_reserved(name: &HeaderName) -> bool {
    let plain = plain(name);
    is_of_guard(&plain) || is_of_message(&plain)
}

/// The name as a program may read it. Many servers pass headers to an app as variables, in whose names a hyphen and other
/// characters look the same. Borrowed, unless it is disguised.
fn plain(name: &HeaderName) -> Cow<'_, str> {
    let is_other = |character: char| !character.is_ascii_alphanumeric() && character != '-';
    if name.as_str().contains(is_other) { name.as_str().replace(is_other, "-").into() } else { name.as_str().into() }
}

fn is_of_guard(plain: &str) -> bool {
    OF_IDENTITY.iter().any(|family| plain.starts_with(family)) || MISLEADING.contains(&plain)
}

fn is_of_message(plain: &str) -> bool {
    plain.starts_with(FORWARDED) || plain == "content-length" || OF_CONNECTION.contains(&plain)
}

/// Headers that the sender lists in `Connection`, except those that the gateway relies on and those that a proxy in front
/// adds.
fn listed_in_connection(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase());
    let is_kept =
        |name: &str| matches!(name, "" | "close" | "authorization" | "content-length") || name.starts_with(FORWARDED);
    names.filter(|name| !is_kept(name)).collect()
}

fn accepts_trailers(request: &HeaderMap) -> bool {
    let values = request.get_all(header::TE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}
