//! Responses to the browser, with their security headers.

use askama::Template;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::{failure::Failure, pages::initials::Initials, settings::AppSettings};

/// How long a browser uses the style sheet and the icon without asking again.
const ASSET_CACHING: &str = "public, max-age=300";

const NO_STORE: &str = "no-store";

/// A page. It loads only this app's style sheet and images, runs no scripts, and sends forms only to this app, which may
/// redirect them to Entra.
pub(crate) fn page(template: &impl Template, settings: Option<&AppSettings>) -> Response<Bytes> {
    let Ok(html) = template.render() else {
        let mut response = new("text/plain; charset=utf-8", NO_STORE, "The page could not be rendered.\n".into());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return response;
    };
    let mut response = new("text/html; charset=utf-8", NO_STORE, html.into());
    let authority = settings.map(|settings| settings.authority_host.as_str()).unwrap_or_default();
    // Browsers apply `form-action` also to the redirect that follows a form.
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {authority}; frame-ancestors 'none'; \
         base-uri 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// A redirect to another address, by GET.
#[must_use]
pub(crate) fn redirect(location: &str) -> Response<Bytes> {
    let mut response = new("text/plain; charset=utf-8", NO_STORE, Bytes::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    match HeaderValue::from_str(location) {
        Ok(location) => drop(response.headers_mut().insert(header::LOCATION, location)),
        Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    response
}

/// A file of this app, the same for everyone.
#[must_use]
pub(crate) fn asset(media_type: &'static str, content: &'static [u8]) -> Response<Bytes> {
    new(media_type, ASSET_CACHING, Bytes::from_static(content))
}

/// A person's photo. It must not be cached.
#[must_use]
pub(crate) fn image(media_type: &'static str, content: Bytes) -> Response<Bytes> {
    new(media_type, NO_STORE, content)
}

/// The placeholder for a photo.
///
/// # Errors
/// [`Failure::Internal`] if it cannot be rendered.
pub(crate) fn initials(initials: &Initials) -> Result<Response<Bytes>, Failure> {
    let svg = initials.render().map_err(|_| Failure::Internal("the initials could not be rendered"))?;
    Ok(new("image/svg+xml", NO_STORE, svg.into()))
}

fn new(media_type: &'static str, caching: &'static str, content: Bytes) -> Response<Bytes> {
    let length = HeaderValue::from(content.len());
    let mut response = Response::new(content);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_LENGTH, length);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Not `no-referrer`: with it, browsers also hide the origin of forms, which signing out checks.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    response
}
