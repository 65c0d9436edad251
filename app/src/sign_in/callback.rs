//! The way back from Entra: the authorization response (OpenID Connect Core sections 3.1.2.5 and 3.1.2.6).

use bytes::Bytes;
use http::Response;

use crate::{
    app::Context,
    entra::{redemption::redeem, refusal::EntraRefusal},
    failure::Failure,
    host::Host,
    pages::response,
    sign_in::{pending::PendingSignIn, used_sign_ins::UsedSignIns},
};

/// Makes a session of what the person brings back, and sends them to the first page, out of an address that holds a code.
///
/// The sign-in is used up before Entra is called, whatever comes of it.
///
/// # Errors
/// Whatever stands against it; see [`Failure`].
pub async fn answer<H: Host>(
    context: &Context<'_, H>,
    used_sign_ins: &UsedSignIns,
    query: &str,
) -> Result<Response<Bytes>, Failure> {
    let Context { host, settings, cookies, notes, request_id, .. } = context;
    let brought = AuthorizationResponse::parse(query).ok_or(Failure::SignInOver)?;
    let pending = PendingSignIn::take(cookies, settings, &brought.state, host.now()).ok_or(Failure::SignInOver)?;
    if !used_sign_ins.is_first_use(*host, settings, &pending.state).await {
        return Err(Failure::SignInOver);
    }
    let code = brought.code.map_err(Failure::SignInRefused)?;

    let started = host.elapsed();
    let session = redeem(*host, settings, *request_id, &pending, &code).await;
    notes.entra_answered_in(host.elapsed().saturating_sub(started));
    let session = session.map_err(Failure::Redemption)?;
    notes.person(settings.tenant_id, session.object_id);
    session.keep(*host, cookies, settings).map_err(|_| Failure::TokenTooLong)?;
    Ok(response::redirect("/"))
}

/// What Entra put into the address.
#[derive(Debug, PartialEq, Eq)]
struct AuthorizationResponse {
    state: String,
    code: Result<String, EntraRefusal>,
}

impl AuthorizationResponse {
    /// `None` if it is not one, or not of one mind.
    fn parse(query: &str) -> Option<Self> {
        let state = one(query, "state")?;
        let code = match (one(query, "code"), one(query, "error")) {
            (Some(code), None) => Ok(code),
            (None, Some(error)) => {
                let subcode = one(query, "error_subcode");
                let description = one(query, "error_description").unwrap_or_default();
                Err(EntraRefusal::at_authorization(&error, subcode.as_deref(), &description))
            }
            _ => return None,
        };
        Some(Self { state, code })
    }
}

/// The value of a parameter that is there once.
fn one(query: &str, name: &str) -> Option<String> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(own, _)| own == name).map(|(_, value)| value);
    let value = values.next().filter(|value| !value.is_empty())?;
    if values.next().is_some() { None } else { Some(value.into_owned()) }
}

#[cfg(test)]
mod tests {
    use super::AuthorizationResponse;
    use crate::entra::refusal::Meaning;

    #[test]
    fn a_response_holds_a_state_and_either_a_code_or_an_error() {
        let parse = AuthorizationResponse::parse;
        assert_eq!(parse("code=c%2B1&state=s&session_state=x").unwrap().code.unwrap(), "c+1");
        let refusal = parse("error=access_denied&error_subcode=cancel&state=s").unwrap().code.unwrap_err();
        assert_eq!(refusal.meaning, Meaning::Cancelled);
        for query in ["", "code=c", "state=s", "state=s&code=", "code=c&state=s&state=s", "code=c&error=e&state=s"] {
            assert_eq!(parse(query), None, "{query}");
        }
    }
}
