//! What all pages have in common: their style and their headers. They need no script except the one that posts a form.

use std::sync::LazyLock;

use askama::Template;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Response, StatusCode, header};
use ring::digest;
use url::Url;

use crate::wire::{self, ResponseBody};

/// The style sheet of every page.
pub(crate) const STYLE: &str = include_str!("../templates/style.css");
/// The script that posts the one form of a page.
pub(crate) const SUBMIT: &str = "document.forms[0].submit();";

/// Responds with a page. Its forms may also lead to `redirect_uri`: `form-action` applies to redirects, too.
pub(crate) fn response(status: StatusCode, page: &impl Template, redirect_uri: Option<&Url>) -> Response<ResponseBody> {
    // Rendering into a string cannot fail.
    let text = page.render().unwrap_or_default();
    let mut response = wire::response(status, "text/html; charset=utf-8", text);
    let origin = redirect_uri.map(|uri| uri.origin().ascii_serialization()).unwrap_or_default();
    let policy = format!("{}; form-action 'self' {origin}", *POLICY);
    wire::set_header(&mut response, header::CONTENT_SECURITY_POLICY, policy.trim_end());
    wire::set_header(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    wire::set_header(&mut response, header::X_FRAME_OPTIONS, "DENY");
    wire::set_header(&mut response, header::REFERRER_POLICY, "strict-origin-when-cross-origin");
    wire::set_header(&mut response, header::CACHE_CONTROL, "no-store, no-cache");
    response
}

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes())));
    format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SUBMIT)
    )
});
