//! The recipient of a response in the browser: the redirect URI of a registered application.

use std::sync::Arc;

use http::{Response, StatusCode, header};
use url::Url;

use super::pages;
use crate::{
    directory::{Directory, app_registration::AppRegistration},
    entra::{error::EntraError, parameters::Parameters},
    page,
    wire::{self, ResponseBody},
};

/// How parameters travel to a redirect URI (OAuth 2.0 Multiple Response Type Encoding Practices, section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

/// An application, and the redirect URI of it that a request named.
pub(crate) struct Recipient {
    pub(crate) client: Arc<AppRegistration>,
    /// `None` when the request named none and the application has none.
    pub(crate) redirect_uri: Option<Url>,
    response_mode: Option<ResponseMode>,
    state: Option<String>,
}

impl Recipient {
    /// Reads `client_id`, `redirect_uri`, `response_mode` and `state`. A failure must not be sent to any redirect URI.
    pub(crate) fn of(directory: &Directory, parameters: &Parameters) -> Result<Self, EntraError> {
        let client_id = parameters.required("client_id")?;
        let client = directory.application(client_id).ok_or_else(|| EntraError::unknown_application(client_id))?;
        let redirect_uri = match parameters.optional("redirect_uri") {
            None => client.first_redirect_uri(),
            Some(sent) => Some(client.admit_redirect_uri(sent).ok_or_else(|| not_registered(&client, sent))?),
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

    pub(crate) fn has_known_response_mode(&self) -> bool {
        self.response_mode.is_some()
    }

    /// Sends the browser to `uri` with these parameters and the request's state.
    pub(crate) fn send(&self, uri: &Url, mut parameters: Vec<(&'static str, String)>) -> Response<ResponseBody> {
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
                page::response(StatusCode::OK, &page, Some(&uri))
            }
        }
    }
}

/// Sends the browser to `uri`.
pub(crate) fn redirect(uri: &Url) -> Response<ResponseBody> {
    let mut response = wire::response(StatusCode::FOUND, "text/html; charset=utf-8", "");
    wire::set_header(&mut response, header::LOCATION, uri.as_str());
    wire::set_header(&mut response, header::CACHE_CONTROL, "no-store, no-cache");
    response
}

fn not_registered(client: &AppRegistration, sent: &str) -> EntraError {
    let message = format!(
        "The redirect URI '{sent}' is not registered for the application '{}'. Register exactly this one, or send one \
         that is.",
        client.client_id
    );
    EntraError::new("invalid_request", 50011, message)
}
