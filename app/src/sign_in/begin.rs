//! The way to Entra.

use bytes::Bytes;
use http::Response;

use super::pending::PendingSignIn;
use entra_obo::host::Host;

use crate::{
    context::Context,
    entra::authorization::{AuthorizationOptions, Prompt},
    failure::Failure,
    pages::response,
};

/// Begins a sign-in with the account of the session, expired or not, unless the person wants to choose an account.
///
/// # Errors
/// As [`leave_for_entra`].
pub(crate) fn answer<H: Host>(context: &Context<'_, H>, query: &str) -> Result<Response<Bytes>, Failure> {
    let prompt = match query {
        "prompt=login" => Some(Prompt::Login),
        "prompt=select_account" => Some(Prompt::SelectAccount),
        _ => None,
    };
    let known = context.session.as_ref().filter(|_| prompt != Some(Prompt::SelectAccount));
    let login_hint = known.and_then(|session| session.username.as_deref());
    leave_for_entra(context, &AuthorizationOptions { prompt, login_hint, claims: None }, 0)
}

/// Sends the person to Entra. `challenges_in_a_row` counts the claims challenges that were answered, this one included.
///
/// # Errors
/// [`Failure::Internal`], which cannot happen: a pending sign-in fits into a cookie.
pub(crate) fn leave_for_entra<H: Host>(
    context: &Context<'_, H>,
    options: &AuthorizationOptions<'_>,
    challenges_in_a_row: u8,
) -> Result<Response<Bytes>, Failure> {
    let Context { host, cookies, settings, .. } = context;
    let url = PendingSignIn::begin(*host, cookies, settings, options, challenges_in_a_row);
    Ok(response::redirect(&url.map_err(|_| Failure::Internal("a sign-in does not fit into a cookie"))?))
}
