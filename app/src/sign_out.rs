//! Signing out, here and at Entra.
//! <https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#send-a-sign-out-request>

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Response, header};

use entra_obo::host::Host;

use crate::{
    context::Context,
    failure::Failure,
    pages::{SignedOut, response},
    session::{Session, cookies::SealedCookie},
    settings::web_origin::WebOrigin,
};

/// Remembers that this app ended the session, until the person is back from Entra. After more than 15 minutes there, the
/// page that they return to no longer says so.
const ENDED: SealedCookie =
    SealedCookie { name: Cow::Borrowed("profile-signed-out"), lifetime: Some(Duration::from_secs(15 * 60)) };

/// Ends the session and sends the person to Entra, to end the session there as well.
///
/// # Errors
/// [`Failure::CrossSiteSignOut`] if the request does not come from a page of this app.
pub(crate) fn answer<H: Host>(context: &Context<'_, H>, headers: &HeaderMap) -> Result<Response<Bytes>, Failure> {
    let settings = &context.settings;
    if !is_of_this_app(headers, &settings.app_url) {
        return Err(Failure::CrossSiteSignOut);
    }
    Session::end(&context.cookies, settings);
    let Some(session) = &context.session else { return Ok(response::redirect("/signed-out")) };
    if context.cookies.set([context.host.random(), context.host.random()], &ENDED, settings, &[]).is_err() {
        return Err(Failure::Internal("an empty value does not fit into a cookie"));
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("post_logout_redirect_uri", &settings.post_logout_redirect_uri());
    if let Some(hint) = &session.logout_hint {
        query.append_pair("logout_hint", hint);
    }
    Ok(response::redirect(&format!("{}?{}", settings.entra_endpoint("logout"), query.finish())))
}

/// The page to which Entra sends people after they signed out. Anyone can open it at any time, so it says only what
/// happened in this browser.
pub(crate) fn landing<H: Host>(context: &Context<'_, H>) -> Response<Bytes> {
    let has_ended = context.cookies.open(&ENDED, &context.settings).is_some();
    context.cookies.clear(&ENDED, &context.settings);
    response::page(&SignedOut { layout: context.layout(), has_ended }, Some(&context.settings))
}

/// Whether a page of this app sent the form, according to `Sec-Fetch-Site` (W3C Fetch Metadata section 2.4), or to
/// `Origin` in browsers without it. The cookie's `SameSite` is a second line of defence.
fn is_of_this_app(headers: &HeaderMap, app_url: &WebOrigin) -> bool {
    match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => headers.get(header::ORIGIN).is_some_and(|origin| origin == app_url.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::is_of_this_app;
    use crate::settings::web_origin::WebOrigin;

    #[test]
    fn only_pages_of_this_app_sign_out() {
        let app = WebOrigin::parse("https://app.example").unwrap();
        for (headers, expected) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-origin"), ("origin", "null")], true),
            (&[("origin", "https://app.example")], true),
            (&[], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://app.example")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("origin", "null")], false),
            (&[("origin", "https://app.example.evil")], false),
        ] {
            let headers: HeaderMap = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            assert_eq!(is_of_this_app(&headers, &app), expected, "{headers:?}");
        }
    }
}
