//! The authorization endpoint, and the pages between a request and its answer.
//!
//! It keeps no state of a sign-in: each page posts to `/{tenant}/login` with the request in the query and all answers
//! given so far in its form. The next step follows from these two.

mod next_step;
mod question_page;
mod request;
mod sign_in;

use std::sync::Arc;

use http::{Method, Response};
use url::Url;

use super::{browser_cookie::Browser, pages, recipient::Recipient};
use crate::{
    directory::{
        Directory,
        browser_sessions::BrowserSession,
        grants::{AuthorizationCode, Grant},
    },
    entra::{authority::Authority, client_info::client_info, error::EntraError, parameters::Parameters},
    time,
    wire::{IncomingRequest, ResponseBody},
};
use next_step::{Choices, Step, next_step};
use request::{AuthorizationRequest, Prompt};
use sign_in::SignIn;

/// `/{tenant}/oauth2/v2.0/authorize`
pub(crate) fn respond(directory: &Directory, incoming: &IncomingRequest, tenant: &str) -> Response<ResponseBody> {
    // OpenID Connect Core 1.0, section 3.1.2.1: both methods.
    let parameters = match incoming.method {
        Method::POST => Parameters::of_form(incoming),
        _ => Parameters::of_query(incoming),
    };
    let response = parameters.and_then(|parameters| {
        let sign_in = SignIn { directory, incoming, tenant, parameters: &parameters };
        sign_in.go_on(|_| Ok(Some(Choices::default())))
    });
    response.unwrap_or_else(|failure| pages::failure(&failure, incoming))
}

/// `/{tenant}/login`
pub(crate) fn respond_to_form(
    directory: &Directory,
    incoming: &IncomingRequest,
    tenant: &str,
) -> Response<ResponseBody> {
    let response = Parameters::of_query(incoming).and_then(|parameters| {
        let form = Parameters::of_form(incoming)?;
        let sign_in = SignIn { directory, incoming, tenant, parameters: &parameters };
        sign_in.go_on(|request| Choices::read(request, &form))
    });
    response.unwrap_or_else(|failure| pages::failure(&failure, incoming))
}

impl<'r> SignIn<'r> {
    /// Shows the next page, or sends the browser back; an error is not for the application to know.
    fn go_on(
        &self,
        choices: impl FnOnce(&AuthorizationRequest<'r>) -> Result<Option<Choices>, EntraError>,
    ) -> Result<Response<ResponseBody>, EntraError> {
        let authority = Authority::of(self.directory, self.tenant)?;
        let recipient = Recipient::of(self.directory, self.parameters)?;
        let request = match AuthorizationRequest::read(self.directory, authority, &recipient, self.parameters) {
            Ok(request) => request,
            Err(failure) => return self.refuse(&recipient, failure),
        };
        if recipient.redirect_uri.is_none() && request.prompt != Prompt::Consent {
            let message = "The request names no redirect URI, and the application has none registered.";
            return Err(EntraError::new("invalid_request", 900_971, message));
        }
        let Some(choices) = choices(&request)? else { return Ok(cancelled(&recipient)) };
        let browser = Browser::of(self.directory, self.incoming);
        match next_step(&request, browser.session(), &choices) {
            Ok(Step::Ask(question)) => Ok(question_page::respond(self, &recipient, &request, &choices, &question)),
            Ok(Step::Finish(session)) => Ok(finish(&recipient, request, &choices, &browser, session)),
            Err(failure) => self.refuse(&recipient, failure),
        }
    }

    /// Reports the error to the application, or to the person if there is no redirect URI.
    fn refuse(&self, recipient: &Recipient, failure: EntraError) -> Result<Response<ResponseBody>, EntraError> {
        match &recipient.redirect_uri {
            Some(uri) => Ok(recipient.send(uri, failure.parameters(self.incoming))),
            None => Err(failure),
        }
    }
}

fn cancelled(recipient: &Recipient) -> Response<ResponseBody> {
    match &recipient.redirect_uri {
        Some(uri) => {
            let parameters = vec![("error", "access_denied".to_owned()), ("error_subcode", "cancel".to_owned())];
            recipient.send(uri, parameters)
        }
        None => pages::message("Cancelled", "No consent was given. You can close this page."),
    }
}

fn finish(
    recipient: &Recipient,
    request: AuthorizationRequest<'_>,
    choices: &Choices,
    browser: &Browser<'_>,
    session: BrowserSession,
) -> Response<ResponseBody> {
    // The first sign-in creates the service principal.
    let lag = request.directory.replication.lag();
    request.client.install(&session.person.tenant_id, lag);
    if choices.consent == Some(true) {
        request.give_consents(&session.person);
    }
    let mut response = match &recipient.redirect_uri {
        Some(uri) => recipient.send(uri, code_response(request, &session, uri)),
        None => pages::message("Consent granted", "Go back to the application and try again."),
    };
    browser.keep(session, &mut response);
    response
}

/// The successful response of RFC 6749 section 4.1.2, with Entra's additions.
fn code_response(
    request: AuthorizationRequest<'_>,
    session: &BrowserSession,
    redirect_uri: &Url,
) -> Vec<(&'static str, String)> {
    let grant = Grant {
        client_id: request.client.client_id.clone(),
        person: Arc::clone(&session.person),
        scope: request.scope.to_owned(),
        claims: request.claims,
        passed_second_factor: session.passed_second_factor,
        session_id: session.id.clone(),
    };
    let code = AuthorizationCode {
        grant,
        redirect_uri: redirect_uri.clone(),
        challenge: request.challenge,
        nonce: request.nonce.map(ToOwned::to_owned),
    };
    let code = request.directory.grants.issue_code(code, time::now());
    let mut parameters = vec![("code", code), ("session_state", session.id.clone())];
    if request.wants_client_info {
        parameters.push(("client_info", client_info(&session.person)));
    }
    parameters
}
