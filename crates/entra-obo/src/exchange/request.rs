//! The token request, by one of two grants: the On-Behalf-Of exchange of a caller's token, or client credentials.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};

use crate::{
    claims_challenge::{ClaimsChallenge, claims_to_request},
    context::Context,
    credential::client_credential::ClientCredential,
    exchange::{downstream::Downstream, owner::Owner},
    host::Host,
    policy::Policy,
};

// As constants, because code that looks up a header's name makes a component 13 kB larger.
const RETURN_CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("return-client-request-id");
const ANCHOR_MAILBOX: HeaderName = HeaderName::from_static("x-anchormailbox");

/// The token request for a token of `owner`: section "Middle-tier access token request" of
/// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow>, or section "Get a token" of
/// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>.
///
/// An exchange goes to the token endpoint of the caller's own directory: through `common` a guest would get a token of
/// their home directory. `claims` are those of a claims challenge that the new token must satisfy.
///
/// # Errors
/// In words for the log, if the credential cannot sign.
pub(super) fn request<H: Host>(
    context: &Context<H>,
    policy: &Policy,
    owner: &Owner,
    credential: &ClientCredential,
    downstream: &Downstream,
    claims: Option<&ClaimsChallenge>,
) -> Result<Request<Bytes>, String> {
    let endpoint = format!("{}/{}/oauth2/v2.0/token", policy.authority_host, owner.tenant_id());
    let (now, random) = (context.host.now(), context.host.random());
    let mut form = form_urlencoded::Serializer::new(String::new());
    match owner {
        Owner::Person(caller) => form
            .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
            .append_pair("requested_token_use", "on_behalf_of")
            .append_pair("assertion", caller.assertion().as_str()),
        Owner::Application(_) => form.append_pair("grant_type", "client_credentials"),
    };
    form.append_pair("client_id", &policy.client_id.to_string())
        .append_pair("scope", downstream.scopes())
        .append_pair("claims", &claims_to_request(claims));
    credential.authenticate(&mut form, &endpoint, policy.client_id, now, random)?;
    let body = Bytes::from(form.finish());

    let mut request = Request::post(endpoint)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::CONTENT_LENGTH, body.len())
        .header(header::ACCEPT, "application/json")
        .header(RETURN_CLIENT_REQUEST_ID, "true")
        .body(body)
        .map_err(|error| error.to_string())?;
    if let Owner::Person(caller) = owner
        && let Some(person) = caller.object_id()
    {
        // Lets Entra route the request to where this person's data is, as MSAL does.
        let hint = HeaderValue::try_from(format!("oid:{person}@{}", caller.tenant_id()));
        request.headers_mut().insert(ANCHOR_MAILBOX, hint.map_err(|error| error.to_string())?);
    }
    context.correlation.add_to(request.headers_mut());
    Ok(request)
}
