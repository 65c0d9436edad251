//! The sidecar: what the app asks of this component, in the shapes of the Microsoft Entra ID Auth SDK.
//!
//! <https://learn.microsoft.com/entra/msidweb/agent-id-sdk/endpoints>

mod document;
mod options;
mod tokens;

mod downstream;

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;

use std::sync::Arc;

use http::{HeaderMap, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use entra_obo::{
    Context, Need, Origin, VerifiedCaller,
    host::Forward,
    toolkit::{Body, RequestHead},
};

use self::{
    downstream::Call,
    options::{For, Options},
    tokens::{Tokens, TokensOfApplication, TokensOfCaller},
};
use crate::{
    error::Error,
    instance::Configured,
    log_line::RequestNotes,
    response,
    settings::{DownstreamApi, EntraSettings},
    streamed::Streamed,
};

/// The paths of the sidecar, in any letter case, as in Microsoft's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route<'a> {
    Health,
    Validate,
    /// With the API of this name, on behalf of the caller.
    OfCaller(Action, &'a str),
    /// With the API of this name, as the application itself.
    OfApplication(Action, &'a str),
}

/// What is done with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// The app gets it.
    Hand,
    /// The API is called with it.
    Call,
}

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let mut segments = path.strip_prefix('/')?.split('/');
        let (first, name) = (segments.next()?.to_ascii_lowercase(), segments.next());
        if segments.next().is_some() {
            return None;
        }
        Some(match (first.as_str(), name) {
            ("healthz", None) => Self::Health,
            ("validate", None) => Self::Validate,
            ("authorizationheader", Some(name)) => Self::OfCaller(Action::Hand, name),
            ("downstreamapi", Some(name)) => Self::OfCaller(Action::Call, name),
            ("authorizationheaderunauthenticated", Some(name)) => Self::OfApplication(Action::Hand, name),
            ("downstreamapiunauthenticated", Some(name)) => Self::OfApplication(Action::Call, name),
            _ => return None,
        })
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Health => "/healthz",
            Self::Validate => "/Validate",
            Self::OfCaller(Action::Hand, _) => "/AuthorizationHeader",
            Self::OfCaller(Action::Call, _) => "/DownstreamApi",
            Self::OfApplication(Action::Hand, _) => "/AuthorizationHeaderUnauthenticated",
            Self::OfApplication(Action::Call, _) => "/DownstreamApiUnauthenticated",
        }
    }

    const fn methods(self) -> &'static str {
        match self {
            Self::OfCaller(Action::Call, _) | Self::OfApplication(Action::Call, _) => "GET, POST, PUT, PATCH, DELETE",
            _ => "GET, HEAD",
        }
    }
}

/// Headers that a gateway, this one or another, adds to requests from outside.
const OF_FORWARDED: [&str; 2] = ["x-forwarded-", "x-ms-client-principal"];

#[derive(Serialize)]
struct Validated<'a> {
    protocol: &'static str,
    token: &'a str,
    claims: Map<String, Value>,
}

#[derive(Serialize)]
struct AuthorizationHeader<'a> {
    #[serde(rename = "authorizationHeader")]
    authorization_header: &'a str,
}

/// Serves a request of the app, and says in one word for the log which it was.
pub(crate) async fn serve<H: Forward>(
    configured: &Configured,
    context: &mut Context<H>,
    notes: &RequestNotes,
    request: &RequestHead,
    body: H::Body,
) -> (Result<Response<Body<Streamed<H::Body>>>, Error>, &'static str) {
    // Otherwise requests from outside would be taken for the app's own.
    if let (Some(gateway), Some(authority)) = (&configured.settings.gateway, &request.authority)
        && gateway.is_upstream(authority)
    {
        return (Err(Error::Internal("upstream is the address of this component; set it to that of the app")), "other");
    }
    let (path, query) = request.target.split_once('?').unwrap_or((request.target.as_str(), ""));
    match Route::of(path) {
        Some(route) => (serve_route(configured, context, notes, request, route, query, body).await, route.word()),
        None => (Err(Error::NotFound), "other"),
    }
}

async fn serve_route<H: Forward>(
    configured: &Configured,
    context: &mut Context<H>,
    notes: &RequestNotes,
    request: &RequestHead,
    route: Route<'_>,
    query: &str,
    body: H::Body,
) -> Result<Response<Body<Streamed<H::Body>>>, Error> {
    if !route.methods().split(", ").any(|method| method == request.method.as_str()) {
        return Err(Error::MethodNotAllowed(route.methods()));
    }
    let settings = &*configured.settings;
    match route {
        // The settings could be read, or nothing would come this far.
        Route::Health => Ok(response::json(&serde_json::json!({"status": "Healthy"}))),
        Route::Validate => {
            let caller = validate(configured, context, notes, request).await?;
            Options::read(query, For::Caller(caller.tenant_id()), &[])?;
            let (token, claims) = (caller.assertion().as_str(), caller.claims());
            Ok(response::json(&Validated { protocol: "Bearer", token, claims }))
        }
        Route::OfCaller(action, name) => {
            let caller = validate(configured, context, notes, request).await?;
            let options = Options::read(query, For::Caller(caller.tenant_id()), action.parameters())?;
            options.correlate(context);
            let context = &*context;
            let downstream = options.downstream(settings.downstream_api(name).ok_or(Error::UnknownApi)?)?;
            let tokens = TokensOfCaller { configured, caller: &caller, downstream: &downstream };
            act(action, &options, &tokens, context, notes, request, body).await
        }
        Route::OfApplication(action, name) => {
            let api = application_api(settings, name, &request.headers)?;
            let tenancy = &settings.policy.tenancy;
            let options = Options::read(query, For::Application(tenancy), action.parameters())?;
            options.correlate(context);
            let context = &*context;
            options.expect_all_of_application(api)?;
            let tenant_id = options.directory(tenancy)?;
            notes.of_application(tenant_id);
            let tokens = TokensOfApplication { configured, tenant_id, downstream: &api.downstream };
            act(action, &options, &tokens, context, notes, request, body).await
        }
    }
}

impl Action {
    const fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Hand => options::OF_TOKEN,
            Self::Call => options::OF_CALL,
        }
    }
}

async fn act<H: Forward, T: Tokens<H>>(
    action: Action,
    options: &Options,
    tokens: &T,
    context: &Context<H>,
    notes: &RequestNotes,
    request: &RequestHead,
    body: H::Body,
) -> Result<Response<Body<Streamed<H::Body>>>, Error> {
    match action {
        Action::Hand => {
            let token = token(tokens, options, context, notes).await?;
            let authorization = T::authorization(&token);
            let authorization_header = authorization.to_str().map_err(|_| Error::Internal("a token is no text"))?;
            Ok(response::json(&AuthorizationHeader { authorization_header }))
        }
        Action::Call => {
            let call = Call::prepare(request, options, tokens.downstream(), context, body).await?;
            let token = token(tokens, options, context, notes).await?;
            call.make(context, notes, tokens, token).await
        }
    }
}

async fn validate<H: Forward>(
    configured: &Configured,
    context: &Context<H>,
    notes: &RequestNotes,
    request: &RequestHead,
) -> Result<Arc<VerifiedCaller>, Error> {
    let caller = configured.api.validate(context, configured.api.bearer(&request.headers)?).await?;
    notes.validated(&caller);
    Ok(caller)
}

/// The API of this name, if this request may get application tokens for it.
///
/// Only the app's own requests may. A request that was forwarded from outside gets here only by mistake, for example if
/// `upstream` is a sidecar, and would let its sender act as the application. For the same reason Azure refuses
/// forwarded requests for tokens of managed identities.
/// <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#security-and-authentication>
fn application_api<'s>(
    settings: &'s EntraSettings,
    name: &str,
    headers: &HeaderMap,
) -> Result<&'s DownstreamApi, Error> {
    const DISABLED: &str =
        "Tokens of the application itself are not issued for this API, only tokens on behalf of a signed-in person.";
    const FORWARDED: &str = "Tokens of the application itself are not issued to requests with headers of a request from outside. Send a \
         request of the app's own, without `X-Forwarded-*` and `X-MS-CLIENT-PRINCIPAL*`.";
    let Some(api) = settings.application_api(name) else {
        let is_known = settings.application_apis.is_empty() || settings.downstream_api(name).is_some();
        return Err(if is_known { Error::ApplicationTokens(DISABLED) } else { Error::UnknownApi });
    };
    if headers.keys().any(|name| OF_FORWARDED.iter().any(|family| name.as_str().starts_with(family))) {
        return Err(Error::ApplicationTokens(FORWARDED));
    }
    Ok(api)
}

async fn token<H: Forward, T: Tokens<H>>(
    tokens: &T,
    options: &Options,
    context: &Context<H>,
    notes: &RequestNotes,
) -> Result<T::Token, Error> {
    let need = options.claims.clone().map_or(Need::Any, Need::WithClaims);
    let (mut token, mut origin) = tokens.obtain(context, &need).await?;
    if options.force_refresh && origin != Origin::Exchange {
        (token, origin) = tokens.obtain(context, &Need::InsteadOf(token)).await?;
    }
    notes.exchanged(origin);
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::{Action, Route};

    #[test]
    fn paths_are_microsofts() {
        for (path, route) in [
            ("/healthz", Some(Route::Health)),
            ("/Validate", Some(Route::Validate)),
            ("/validate", Some(Route::Validate)),
            ("/AuthorizationHeader/Graph", Some(Route::OfCaller(Action::Hand, "Graph"))),
            ("/DownstreamApi/orders", Some(Route::OfCaller(Action::Call, "orders"))),
            ("/AuthorizationHeaderUnauthenticated/Graph", Some(Route::OfApplication(Action::Hand, "Graph"))),
            ("/DownstreamApiUnauthenticated/Graph", Some(Route::OfApplication(Action::Call, "Graph"))),
            ("/AuthorizationHeader", None),
            ("/AuthorizationHeader/Graph/x", None),
            ("/Validate/", None),
            ("/", None),
            ("Validate", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }
}
