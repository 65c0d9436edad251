//! The headers of the login host's answers.

use http::{HeaderName, HeaderValue, Response, header};

use super::request_ids::RequestIds;
use crate::{
    random, time,
    wire::{self, IncomingRequest, ResponseBody},
};

/// How long a browser is to keep the cookie that recognises it, in seconds.
const COOKIE_LIFE: i64 = 30 * 24 * 3600;

/// Adds those of a public document: metadata and keys.
pub(super) fn add_for_document(response: &mut Response<ResponseBody>) {
    wire::set_header(response, header::CACHE_CONTROL, "max-age=86400, private");
    wire::set_header(response, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    wire::set_header(response, header::ACCESS_CONTROL_ALLOW_METHODS, "GET, OPTIONS");
    add_common(response, &random::guid());
    let name = format!("esctx={}; domain=.login.microsoftonline.com", random::token_id());
    add_cookie(response, format!("{name}; path=/; secure; HttpOnly; SameSite=None"));
}

/// Adds those of the token endpoint. `code` is the number after `AADSTS`, or 0 for success.
pub(super) fn add_for_token(
    response: &mut Response<ResponseBody>,
    incoming: &IncomingRequest,
    ids: &RequestIds,
    code: u32,
) {
    wire::set_header(response, header::CACHE_CONTROL, "no-store, no-cache");
    wire::set_header(response, header::PRAGMA, "no-cache");
    wire::set_header(response, header::EXPIRES, "-1");
    wire::set_header(response, HeaderName::from_static("x-ms-clitelem"), &format!("1,{code},0,,"));
    let echo = incoming.header("return-client-request-id").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if echo {
        wire::set_header(response, HeaderName::from_static("client-request-id"), &ids.correlation_id);
    }
    add_common(response, &ids.trace_id);
}

fn add_common(response: &mut Response<ResponseBody>, request_id: &str) {
    wire::set_header(response, header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    wire::set_header(response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    wire::set_header(response, HeaderName::from_static("p3p"), "CP=\"DSP CUR OTPi IND OTRi ONL FIN\"");
    wire::set_header(response, HeaderName::from_static("x-ms-request-id"), request_id);
    wire::set_header(response, HeaderName::from_static("x-ms-ests-server"), "2.1.0.0 - EMULATED ProdSlices");
    wire::set_header(response, HeaderName::from_static("x-ms-srs"), "1.P");
    wire::set_header(response, header::X_XSS_PROTECTION, "0");
    let expires = time::http_date(COOKIE_LIFE);
    for cookie in [
        format!("fpc={}; expires={expires}; path=/; secure; HttpOnly; SameSite=None", random::token_id()),
        "x-ms-gateway-slice=estsfd; path=/; secure; samesite=none; httponly".to_owned(),
        "stsservicecookie=estsfd; path=/; secure; samesite=none; httponly".to_owned(),
    ] {
        add_cookie(response, cookie);
    }
}

/// Adds a cookie. Invalid values are left out; every caller passes visible ASCII.
fn add_cookie(response: &mut Response<ResponseBody>, cookie: String) {
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
