//! Where the answer to a browser's request goes: the redirect URI of a registered application.

use http::{Response, StatusCode, header};
use url::Url;

use super::{failure::Failure, pages, parameters::Parameters};
use crate::{
    application::Application,
    directory::Directory,
    wire::{self, Body},
};

/// How parameters travel to a redirect URI (OAuth 2.0 Multiple Response Type Encoding Practices, section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

/// An application, and the redirect URI of it that a request named.
pub(super) struct Recipient<'d> {
    pub(super) client: &'d Application,
    /// `None` when the request named none and the application has none.
    pub(super) redirect_uri: Option<Url>,
    response_mode: Option<ResponseMode>,
    state: Option<String>,
}

impl<'d> Recipient<'d> {
    /// Reads `client_id`, `redirect_uri`, `response_mode` and `state`. A failure must not be sent to any redirect URI.
    pub(super) fn of(directory: &'d Directory, parameters: &Parameters) -> Result<Self, Failure> {
        let client_id = parameters.required("client_id")?;
        let client = directory.application(client_id).ok_or_else(|| Failure::unknown_application(client_id))?;
        let redirect_uri = match parameters.optional("redirect_uri") {
            None => client.first_redirect_uri(),
            Some(sent) => Some(client.admit_redirect_uri(sent).ok_or_else(|| not_registered(client, sent))?),
        };
        let response_mode = match parameters.optional("response_mode") {
            None | Some("query") => Some(ResponseMode::Query),
            Some("fragment") => Some(ResponseMode::Fragment),
            Some("form_post") => Some(ResponseMode::FormPost),
            Some(_) => None,
        };
        let state = parameters.optional("state").map(ToOwned::to_owned);
        Ok(Self { client, redirect_uri, response_mode, state })
    }

    pub(super) fn has_known_response_mode(&self) -> bool {
        self.response_mode.is_some()
    }

    /// Sends the browser to `uri` with these parameters and the request's state.
    pub(super) fn send(&self, uri: &Url, mut parameters: Vec<(&'static str, String)>) -> Response<Body> {
        let mut uri = uri.clone();
        parameters.extend(self.state.clone().map(|state| ("state", state)));
        match self.response_mode.unwrap_or(ResponseMode::Query) {
            ResponseMode::Query => {
                uri.query_pairs_mut().extend_pairs(&parameters);
                redirect(&uri)
            }
            ResponseMode::Fragment => {
                let fragment = form_urlencoded::Serializer::new(String::new()).extend_pairs(&parameters).finish();
                uri.set_fragment(Some(&fragment));
                redirect(&uri)
            }
            ResponseMode::FormPost => {
                let page = pages::FormPost { action: uri.as_str(), parameters: &parameters };
                pages::answer(StatusCode::OK, &page, Some(&uri))
            }
        }
    }
}

/// Sends the browser to `uri`.
pub(super) fn redirect(uri: &Url) -> Response<Body> {
    let mut answer = wire::answer(StatusCode::FOUND, "text/html; charset=utf-8", "");
    wire::set_header(&mut answer, header::LOCATION, uri.as_str());
    wire::set_header(&mut answer, header::CACHE_CONTROL, "no-store, no-cache");
    answer
}

fn not_registered(client: &Application, sent: &str) -> Failure {
    let message = format!(
        "The redirect URI '{sent}' is not registered for the application '{}'. Register it, to the letter, or send one \
         that is.",
        client.client_id
    );
    Failure::new("invalid_request", 50011, message)
}
