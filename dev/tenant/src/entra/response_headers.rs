//! The headers of the login host's answers.

use http::{HeaderName, HeaderValue, Response, header};

use super::failure::RequestIds;
use crate::{
    random, time,
    wire::{self, Body, Incoming},
};

/// How long a browser is to keep the cookie that recognises it, in seconds.
const COOKIE_LIFE: i64 = 30 * 24 * 3600;

/// Adds those of a public document: metadata and keys.
pub(super) fn add_for_document(answer: &mut Response<Body>) {
    wire::set_header(answer, header::CACHE_CONTROL, "max-age=86400, private");
    wire::set_header(answer, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    wire::set_header(answer, header::ACCESS_CONTROL_ALLOW_METHODS, "GET, OPTIONS");
    add_common(answer, &random::guid());
    let name = format!("esctx={}; domain=.login.microsoftonline.com", random::token_id());
    add_cookie(answer, format!("{name}; path=/; secure; HttpOnly; SameSite=None"));
}

/// Adds those of the token endpoint. `code` is the number after `AADSTS`, or 0 for success.
pub(super) fn add_for_token(answer: &mut Response<Body>, incoming: &Incoming, ids: &RequestIds, code: u32) {
    wire::set_header(answer, header::CACHE_CONTROL, "no-store, no-cache");
    wire::set_header(answer, header::PRAGMA, "no-cache");
    wire::set_header(answer, header::EXPIRES, "-1");
    wire::set_header(answer, HeaderName::from_static("x-ms-clitelem"), &format!("1,{code},0,,"));
    let echo = incoming.header("return-client-request-id").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if echo {
        wire::set_header(answer, HeaderName::from_static("client-request-id"), &ids.correlation_id);
    }
    add_common(answer, &ids.trace_id);
}

fn add_common(answer: &mut Response<Body>, request_id: &str) {
    wire::set_header(answer, header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    wire::set_header(answer, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    wire::set_header(answer, HeaderName::from_static("p3p"), "CP=\"DSP CUR OTPi IND OTRi ONL FIN\"");
    wire::set_header(answer, HeaderName::from_static("x-ms-request-id"), request_id);
    wire::set_header(answer, HeaderName::from_static("x-ms-ests-server"), "2.1.0.0 - EMULATED ProdSlices");
    wire::set_header(answer, HeaderName::from_static("x-ms-srs"), "1.P");
    wire::set_header(answer, header::X_XSS_PROTECTION, "0");
    let expires = time::http_date(COOKIE_LIFE);
    for cookie in [
        format!("fpc={}; expires={expires}; path=/; secure; HttpOnly; SameSite=None", random::token_id()),
        "x-ms-gateway-slice=estsfd; path=/; secure; samesite=none; httponly".to_owned(),
        "stsservicecookie=estsfd; path=/; secure; samesite=none; httponly".to_owned(),
    ] {
        add_cookie(answer, cookie);
    }
}

/// Adds a cookie. A value that no header can hold is left out: every caller passes visible ASCII.
fn add_cookie(answer: &mut Response<Body>, cookie: String) {
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
