//! Browsers of other origins (the Fetch standard's CORS protocol).
//!
//! The token is in a header that the page's own script sets, so no credentials mode is needed and none is allowed.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What scripts may send: anything, since an API ignores what it does not know, and libraries add headers that the
/// page's author never sees. The wildcard does not include `Authorization` (the Fetch standard, "CORS-preflight
/// fetch"). What Microsoft's libraries and telemetry send is named as well, for browsers that do not know the wildcard.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Accept, Accept-Language, Content-Type, Cache-Control, Pragma, If-None-Match, If-Modified-Since, \
     X-Requested-With, client-request-id, return-client-request-id, request-id, request-context, traceparent, tracestate, \
     baggage, correlation-context, sdkversion, ms-cv, x-ms-client-request-id, x-ms-request-id, x-ms-useragent, \
     x-ms-effective-locale, x-client-SKU, x-client-Ver, *",
);
/// Two hours: the longest that Chromium keeps.
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("7200");

const REQUEST_METHOD: HeaderName = header::ACCESS_CONTROL_REQUEST_METHOD;

/// What pages of other origins may do.
#[derive(Debug, Clone, Copy)]
pub struct Cors<'a> {
    /// The origins that may call.
    pub origins: &'a [HeaderValue],
    /// The methods that they may use.
    pub methods: &'static str,
    /// The headers of responses that scripts may read, besides those that every script may.
    pub exposed: &'static str,
}

/// Whether an `OPTIONS` request is a browser's preflight request.
#[must_use]
pub fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) && headers.contains_key(REQUEST_METHOD)
}

impl Cors<'_> {
    /// The request's origin, if it is on the list.
    #[must_use]
    pub fn allowed_origin<'r>(&self, request: &'r HeaderMap) -> Option<&'r HeaderValue> {
        let mut origins = request.get_all(header::ORIGIN).iter();
        let origin = origins.next()?;
        (origins.next().is_none() && self.origins.contains(origin)).then_some(origin)
    }

    /// Adds what a browser needs to let its page read a response. Caches learn in any case that the origin matters.
    pub fn add_to_response(&self, response: &mut HeaderMap, request: &HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        response.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.allowed_origin(request) {
            response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(self.exposed));
        }
    }

    /// Adds what a preflight request is answered with.
    pub fn add_to_preflight(&self, response: &mut HeaderMap) {
        response.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(self.methods));
        response.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        response.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS);
    }
}
