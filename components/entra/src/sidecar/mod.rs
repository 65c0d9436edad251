//! The sidecar: what the app asks of this component, in the shapes of the Microsoft Entra ID Auth SDK.
//!
//! <https://learn.microsoft.com/entra/msidweb/agent-id-sdk/endpoints>

mod options;

mod downstream;

use std::sync::Arc;

use http::Response;
use serde::Serialize;
use serde_json::{Map, Value};

use entra_obo::{
    Context, Downstream, DownstreamToken, Need, Origin, VerifiedCaller,
    host::Forward,
    toolkit::{Body, RequestHead},
};

use self::options::Options;
use crate::{error::Error, instance::Guard, log_line::RequestNotes, response};

/// The paths of the sidecar, in any letter case, as in Microsoft's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route<'a> {
    Health,
    Validate,
    /// Of the API of this name.
    AuthorizationHeader(&'a str),
    /// Of the API of this name.
    DownstreamApi(&'a str),
    /// Of the application itself.
    Unauthenticated,
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
            ("authorizationheader", Some(name)) => Self::AuthorizationHeader(name),
            ("downstreamapi", Some(name)) => Self::DownstreamApi(name),
            ("authorizationheaderunauthenticated" | "downstreamapiunauthenticated", Some(_)) => Self::Unauthenticated,
            _ => return None,
        })
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Health => "/healthz",
            Self::Validate => "/Validate",
            Self::AuthorizationHeader(_) => "/AuthorizationHeader",
            Self::DownstreamApi(_) => "/DownstreamApi",
            Self::Unauthenticated => "unauthenticated",
        }
    }

    const fn methods(self) -> &'static str {
        match self {
            Self::DownstreamApi(_) | Self::Unauthenticated => "GET, POST, PUT, PATCH, DELETE",
            Self::Health | Self::Validate | Self::AuthorizationHeader(_) => "GET, HEAD",
        }
    }
}

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
    guard: &Guard,
    context: &mut Context<H>,
    notes: &RequestNotes,
    request: &RequestHead,
    body: H::Body,
) -> (Result<Response<Body<H::Body>>, Error>, &'static str) {
    let (path, query) = request.target.split_once('?').unwrap_or((request.target.as_str(), ""));
    match Route::of(path) {
        Some(route) => (serve_route(guard, context, notes, request, route, query, body).await, route.word()),
        None => (Err(Error::NotFound), "other"),
    }
}

async fn serve_route<H: Forward>(
    guard: &Guard,
    context: &mut Context<H>,
    notes: &RequestNotes,
    request: &RequestHead,
    route: Route<'_>,
    query: &str,
    body: H::Body,
) -> Result<Response<Body<H::Body>>, Error> {
    if !route.methods().split(", ").any(|method| method == request.method.as_str()) {
        return Err(Error::MethodNotAllowed(route.methods()));
    }
    match route {
        // The settings could be read, or nothing would come this far.
        Route::Health => Ok(response::json(&serde_json::json!({"status": "Healthy"}))),
        Route::Unauthenticated => Err(Error::ApplicationTokens),
        Route::Validate => {
            let caller = validate(guard, context, notes, request).await?;
            Options::read(query, &caller, &[])?;
            let (token, claims) = (caller.assertion().as_str(), caller.claims());
            Ok(response::json(&Validated { protocol: "Bearer", token, claims }))
        }
        Route::AuthorizationHeader(name) => {
            let caller = validate(guard, context, notes, request).await?;
            let options = Options::read(query, &caller, options::OF_TOKEN)?;
            options.correlate(context);
            let api = guard.settings.downstream_api(name).ok_or(Error::UnknownApi)?;
            let downstream = options.downstream(api)?;
            let token = token(guard, context, notes, &caller, &downstream, &options).await?;
            let authorization_header =
                token.authorization().to_str().map_err(|_| Error::Internal("a token is no text"))?;
            Ok(response::json(&AuthorizationHeader { authorization_header }))
        }
        Route::DownstreamApi(name) => {
            let caller = validate(guard, context, notes, request).await?;
            let options = Options::read(query, &caller, options::OF_CALL)?;
            options.correlate(context);
            let api = guard.settings.downstream_api(name).ok_or(Error::UnknownApi)?;
            let downstream = options.downstream(api)?;
            let call = downstream::Call::prepare(request, &options, &downstream, context, body).await?;
            let token = token(guard, context, notes, &caller, &downstream, &options).await?;
            call.make(guard, context, notes, &caller, &downstream, token).await
        }
    }
}

async fn validate<H: Forward>(
    guard: &Guard,
    context: &Context<H>,
    notes: &RequestNotes,
    request: &RequestHead,
) -> Result<Arc<VerifiedCaller>, Error> {
    let caller = guard.api.validate(context, guard.api.bearer(&request.headers)?).await?;
    notes.validated(&caller);
    Ok(caller)
}

async fn token<H: Forward>(
    guard: &Guard,
    context: &Context<H>,
    notes: &RequestNotes,
    caller: &Arc<VerifiedCaller>,
    downstream: &Downstream,
    options: &Options,
) -> Result<Arc<DownstreamToken>, Error> {
    let need = options.claims.clone().map_or(Need::Any, Need::WithClaims);
    let (mut token, mut origin) = guard.api.token(context, caller, downstream, &need).await?;
    if options.force_refresh && origin != Origin::Exchange {
        (token, origin) = guard.api.token(context, caller, downstream, &Need::InsteadOf(token)).await?;
    }
    notes.exchanged(origin);
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::Route;

    #[test]
    fn paths_are_microsofts() {
        for (path, route) in [
            ("/healthz", Some(Route::Health)),
            ("/Validate", Some(Route::Validate)),
            ("/validate", Some(Route::Validate)),
            ("/AuthorizationHeader/Graph", Some(Route::AuthorizationHeader("Graph"))),
            ("/DownstreamApi/orders", Some(Route::DownstreamApi("orders"))),
            ("/AuthorizationHeaderUnauthenticated/Graph", Some(Route::Unauthenticated)),
            ("/DownstreamApiUnauthenticated/Graph", Some(Route::Unauthenticated)),
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
