//! The requests for the caller's profile, of which each subject has its own form.

use bytes::Bytes;
use cargo_dev::commands::deep::Subject;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header::AUTHORIZATION};
use http_body_util::Full;

/// What the value of a header that only the gateway may set says.
pub(super) const SPOOFED: &str = "spoofed";

/// Headers that must not reach the app as a caller sends them.
const SPOOFED_HEADERS: [HeaderName; 9] = [
    HeaderName::from_static("x-ms-client-principal"),
    HeaderName::from_static("x-ms-client-principal-id"),
    HeaderName::from_static("x-ms-token-aad-access-token"),
    HeaderName::from_static("x_ms_client_principal_id"),
    HeaderName::from_static("spin-client-addr"),
    HeaderName::from_static("spin-full-url"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("proxy-authorization"),
];

/// Where the profile is.
pub(super) const fn path(subject: Subject) -> &'static str {
    match subject {
        Subject::Api => "/api/profile-get",
        Subject::Gateway => "/me",
        // The probe passes requests on to the host that its path names.
        Subject::Sidecar => "/call/entra.spin.internal/DownstreamApi/graph?optionsOverride.RelativePath=me",
    }
}

/// A request for the profile without a token. The gateway's have a body, none of which may reach the app.
pub(super) fn request_without_token(subject: Subject) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = Uri::from_static(path(subject));
    if subject == Subject::Gateway {
        *request.method_mut() = Method::POST;
        *request.body_mut() = Full::from("the body of a request without a token");
    }
    request
}

/// A request for the profile with this `Authorization`. The gateway's have their token as the body, and spoofed headers.
pub(super) fn request(subject: Subject, authorization: &HeaderValue) -> Request<Full<Bytes>> {
    let mut request = request_without_token(subject);
    request.headers_mut().insert(AUTHORIZATION, authorization.clone());
    if subject == Subject::Gateway {
        let token = authorization.as_bytes().splitn(2, |byte| *byte == b' ').nth(1).unwrap_or_default();
        *request.body_mut() = Full::from(token.to_vec());
        for name in SPOOFED_HEADERS {
            request.headers_mut().insert(name, HeaderValue::from_static(SPOOFED));
        }
    }
    request
}
