//! The gateway: admits a request from outside, and passes it on to the app.

pub(crate) mod headers;

mod forward;

use http::{HeaderValue, Method, Response, StatusCode, header};

use entra_obo::{
    Context, Need, ProtectedResource,
    host::Forward,
    toolkit::{Body, Cors, RequestHead, is_preflight},
};

#[cfg(target_family = "wasm")]
pub(crate) use self::forward::STREAM_IDLE;
use self::forward::forward;
use crate::{
    error::Error,
    instance::Configured,
    log_line::RequestNotes,
    path::PlainTarget,
    principal, response,
    settings::{EntraSettings, GatewaySettings},
    streamed::Streamed,
};

/// Its name in the log.
pub(crate) const WORD: &str = "gateway";

/// Serves a request from outside.
///
/// # Errors
/// Whatever keeps it from the app; see [`Error`]. Nothing of a refused request has reached the app.
pub(crate) async fn serve<H: Forward>(
    configured: &Configured,
    context: &Context<H>,
    notes: &RequestNotes,
    request: &RequestHead,
    body: H::Body,
) -> Result<Response<Body<Streamed<H::Body>>>, Error> {
    let settings = &*configured.settings;
    let Some(gateway) = &settings.gateway else { return Err(Error::NoUpstream) };

    // 1. What is requested, in a form that every program behind reads alike?
    let target = PlainTarget::judge(&request.target).map_err(Error::Path)?;
    if request.method == Method::CONNECT || asks_for_web_socket(request) {
        return Err(Error::Upgrade);
    }
    let cors = cors(settings);
    if request.method == Method::TRACE {
        // The app would send the headers that the gateway adds back to the caller, including tokens.
        return Err(Error::MethodNotAllowed(cors.methods));
    }
    if request.method == Method::OPTIONS && !cors.origins.is_empty() && is_preflight(&request.headers) {
        return preflight(&cors, request);
    }
    if let Some(path) = ProtectedResource::path_of(target.path) {
        return metadata(settings, request, path);
    }

    // 2. Who calls, and may they?
    let mut headers = headers::to_app(&request.headers, gateway);
    headers::add_forwarded(&mut headers, request, settings.public_url.as_deref());
    context.correlation.add_to(&mut headers);
    if !is_public(gateway, &target) {
        let caller = configured.api.validate(context, configured.api.bearer(&request.headers)?).await?;
        notes.validated(&caller);
        for (name, value) in &*configured.principals.of(&caller, &gateway.claims_to_headers) {
            headers.insert(name, value.clone());
        }
        // 3. A token with which the app can call another API.
        if let Some(api) = &gateway.access_token_for {
            let (token, origin) = configured.api.token(context, &caller, &api.downstream, &Need::Any).await?;
            notes.exchanged(origin);
            let (now, elapsed) = (context.host.now(), context.host.elapsed());
            principal::add_token(&mut headers, &token, token.usable_until(now, elapsed));
        }
    }

    if headers::are_too_large(&headers) {
        return Err(Error::HeadTooLarge);
    }

    // 4. The app's response.
    let mut response = forward(context, notes, gateway, request, headers, body).await?;
    if !cors.origins.is_empty() {
        // The gateway alone decides about other origins.
        headers::without_cors(response.headers_mut());
    }
    Ok(response)
}

/// What pages of other origins may do, if the gateway decides it.
#[must_use]
pub(crate) fn cors(settings: &EntraSettings) -> Cors<'_> {
    Cors {
        origins: &settings.allowed_origins,
        methods: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        exposed: "*, WWW-Authenticate, Retry-After, ETag, Location, request-id, client-request-id, traceparent",
    }
}

fn is_public(gateway: &GatewaySettings, target: &PlainTarget<'_>) -> bool {
    target.is_literal() && gateway.public_paths.iter().any(|public| public.matches(target.path))
}

/// RFC 6455 section 4.1.
fn asks_for_web_socket(request: &RequestHead) -> bool {
    let is_web_socket = |value: &HeaderValue| {
        value.to_str().is_ok_and(|text| text.split(',').any(|name| name.trim().eq_ignore_ascii_case("websocket")))
    };
    request.headers.get_all(header::UPGRADE).iter().any(is_web_socket)
        || request.headers.contains_key(header::SEC_WEBSOCKET_KEY)
}

fn preflight<B>(cors: &Cors<'_>, request: &RequestHead) -> Result<Response<Body<B>>, Error> {
    if cors.allowed_origin(&request.headers).is_none() {
        return Err(Error::OriginNotAllowed);
    }
    let mut response = response::empty(StatusCode::NO_CONTENT);
    cors.add_to_preflight(response.headers_mut());
    Ok(response)
}

/// RFC 9728, of a path of the app or of all of it.
fn metadata<B>(settings: &EntraSettings, request: &RequestHead, path: &str) -> Result<Response<Body<B>>, Error> {
    if request.method != Method::GET && request.method != Method::HEAD {
        return Err(Error::MethodNotAllowed("GET, HEAD"));
    }
    let resource = resource(settings, request, path).ok_or(Error::NotFound)?;
    Ok(resource.metadata(&settings.policy).map(Body::Whole))
}

/// The app at this path, as its callers address it.
#[must_use]
pub(crate) fn resource(settings: &EntraSettings, request: &RequestHead, path: &str) -> Option<ProtectedResource> {
    match (&settings.public_url, &request.authority) {
        (Some(origin), _) => Some(ProtectedResource::at(origin, path)),
        (None, Some(authority)) => ProtectedResource::new(authority, path),
        (None, None) => None,
    }
}
