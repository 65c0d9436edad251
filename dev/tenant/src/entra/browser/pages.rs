//! The pages of the login host.

use std::sync::Arc;

use askama::Template;
use http::{Response, StatusCode};

use crate::{
    directory::person::Person,
    entra::{error::EntraError, request_ids::RequestIds},
    page,
    wire::{IncomingRequest, ResponseBody},
};

/// The choice of a person.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub(crate) struct SignIn<'a> {
    pub(crate) application: &'a str,
    pub(crate) action: String,
    pub(crate) people: Vec<Arc<Person>>,
    /// The address of the full list, if `people` are not all.
    pub(crate) everybody: Option<String>,
}

/// The second factor.
#[derive(Template)]
#[template(path = "second_factor.html")]
pub(crate) struct SecondFactor<'a> {
    pub(crate) application: &'a str,
    pub(crate) action: String,
    pub(crate) user_name: &'a str,
    /// The answer of the page before, if there was one.
    pub(crate) chosen_person: Option<&'a str>,
}

/// The consent page.
#[derive(Template)]
#[template(path = "consent.html")]
pub(crate) struct Consent<'a> {
    pub(crate) application: &'a str,
    pub(crate) action: String,
    pub(crate) who: &'a str,
    pub(crate) permissions: Vec<String>,
    pub(crate) for_everybody: bool,
    /// The answers of the pages before, if there were any.
    pub(crate) chosen_person: Option<&'a str>,
    pub(crate) passed_second_factor: bool,
}

/// An administrator's approval is needed.
#[derive(Template)]
#[template(path = "approval.html")]
pub(crate) struct Approval<'a> {
    pub(crate) application: &'a str,
    pub(crate) action: String,
    pub(crate) user_name: &'a str,
    pub(crate) admin_consent: String,
}

/// The final page where there is no application to return to.
#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    title: &'a str,
    message: &'a str,
}

/// An error that must not be sent to the application.
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
pub(crate) struct FormPost<'a> {
    pub(crate) action: &'a str,
    pub(crate) parameters: &'a [(&'static str, String)],
}

/// The emulator's front page. Entra has nothing like it.
#[derive(Template)]
#[template(path = "front_page.html")]
pub(crate) struct FrontPage {
    pub(crate) people: Vec<Arc<Person>>,
}

/// The result, where there is no application to return to.
pub(crate) fn message(title: &str, message: &str) -> Response<ResponseBody> {
    page::response(StatusCode::OK, &Message { title, message }, None)
}

/// Shows the error on the login host itself, since the request may be an attack.
pub(crate) fn failure(failure: &EntraError, incoming: &IncomingRequest) -> Response<ResponseBody> {
    let (code, message) = failure.code_and_message();
    let page = FailurePage { code, message, ids: RequestIds::of(incoming) };
    page::response(StatusCode::BAD_REQUEST, &page, None)
}
