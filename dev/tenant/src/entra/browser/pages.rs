//! The pages that the login host shows to people. They need no script but for the one that posts a form back.

use std::sync::LazyLock;

use askama::Template;
use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Response, StatusCode, header};
use url::Url;

use super::failure::{Failure, RequestIds};
use crate::{
    person::Person,
    wire::{self, Body, Incoming},
};

/// The style sheet of every page.
pub(super) const STYLE: &str = include_str!("../../templates/style.css");
/// The script that posts the one form of a page.
pub(super) const SUBMIT: &str = "document.forms[0].submit();";

/// Who is signing in?
#[derive(Template)]
#[template(path = "sign_in.html")]
pub(super) struct SignIn<'a> {
    pub(super) application: &'a str,
    pub(super) action: String,
    pub(super) people: Vec<&'a Person>,
    /// Where to choose among everybody, if `people` are not all.
    pub(super) everybody: Option<String>,
}

/// Is it really them?
#[derive(Template)]
#[template(path = "second_factor.html")]
pub(super) struct SecondFactor<'a> {
    pub(super) application: &'a str,
    pub(super) action: String,
    pub(super) user_name: &'a str,
    /// The answer of the page before, if there was one.
    pub(super) answered_person: Option<&'a str>,
}

/// Do they agree?
#[derive(Template)]
#[template(path = "consent.html")]
pub(super) struct Consent<'a> {
    pub(super) application: &'a str,
    pub(super) action: String,
    pub(super) who: &'a str,
    pub(super) permissions: Vec<String>,
    pub(super) for_everybody: bool,
    /// The answers of the pages before, if there were any.
    pub(super) answered_person: Option<&'a str>,
    pub(super) passed_second_factor: bool,
}

/// They may not agree by themselves.
#[derive(Template)]
#[template(path = "approval.html")]
pub(super) struct Approval<'a> {
    pub(super) application: &'a str,
    pub(super) action: String,
    pub(super) user_name: &'a str,
    pub(super) admin_consent: String,
}

/// How did it end?
#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    title: &'a str,
    message: &'a str,
}

/// Why it cannot go on, where the application must not be told.
#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage<'a> {
    code: u32,
    message: &'a str,
    ids: RequestIds,
}

/// Sends parameters to an application by the response mode `form_post`.
#[derive(Template)]
#[template(path = "form_post.html")]
pub(super) struct FormPost<'a> {
    pub(super) action: &'a str,
    pub(super) parameters: &'a [(&'static str, String)],
}

/// The emulator's front page. Entra has nothing like it.
#[derive(Template)]
#[template(path = "front_page.html")]
pub(super) struct FrontPage<'a> {
    pub(super) people: &'a [Person],
}

/// Answers with a page. Its forms may lead to `redirect_uri` too: browsers hold redirects to `form-action`.
pub(super) fn answer(status: StatusCode, page: &impl Template, redirect_uri: Option<&Url>) -> Response<Body> {
    // A template of strings fails only for lack of memory.
    let text = page.render().unwrap_or_default();
    let mut answer = wire::answer(status, "text/html; charset=utf-8", text);
    let origin = redirect_uri.map(|uri| uri.origin().ascii_serialization()).unwrap_or_default();
    let policy = format!("{}; form-action 'self' {origin}", *POLICY);
    wire::set_header(&mut answer, header::CONTENT_SECURITY_POLICY, policy.trim_end());
    wire::set_header(&mut answer, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    wire::set_header(&mut answer, header::X_FRAME_OPTIONS, "DENY");
    wire::set_header(&mut answer, header::REFERRER_POLICY, "strict-origin-when-cross-origin");
    wire::set_header(&mut answer, header::CACHE_CONTROL, "no-store, no-cache");
    answer
}

/// Says how it ended, where there is no application to go back to.
pub(super) fn message(title: &str, message: &str) -> Response<Body> {
    answer(StatusCode::OK, &Message { title, message }, None)
}

/// Answers on the login host itself: what is wrong may be wrong because somebody means harm.
pub(super) fn failure(failure: &Failure, incoming: &Incoming) -> Response<Body> {
    let (code, message) = failure.code_and_message();
    let page = FailurePage { code, message, ids: RequestIds::of(incoming) };
    answer(StatusCode::BAD_REQUEST, &page, None)
}

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes())));
    format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SUBMIT)
    )
});
