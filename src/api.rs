//! From a request to its response: routes, methods, ids, and the one line in the log.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};

use entra_obo::{
    Context, ProtectedResource,
    host::Host,
    settings::source::READ_TIMEOUT,
    toolkit::{CLIENT_REQUEST_ID, Correlation, Cors, RequestHead, TRACEPARENT, is_preflight},
};

use crate::{
    error::Error,
    flow,
    graph::{
        resource::Resource,
        select::{QueryFault, Select},
    },
    instance::{App, Instance},
    log_line::{RequestNotes, Served},
    problem::problem,
    response::{self, Body},
    settings::ApiSettings,
};

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The headers of requests that this API reads; a host need not give others.
pub const HEADERS_READ: [HeaderName; 6] = [
    header::ACCESS_CONTROL_REQUEST_METHOD,
    header::AUTHORIZATION,
    header::IF_NONE_MATCH,
    header::ORIGIN,
    CLIENT_REQUEST_ID,
    TRACEPARENT,
];

/// Answers a request. There is no request without a response, and none that is not logged, except for probes, of which only
/// the first that finds the instance not ready is.
pub async fn answer<H: Host>(instance: &Instance, host: &H, request: &RequestHead) -> Response<Body<H::Body>> {
    let context = Context::new(host.clone(), &request.headers, READ_TIMEOUT);
    let app = instance.app(host, context.elapsed).await;
    let notes = RequestNotes::begun(context.elapsed);
    let (path, query) = match request.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (request.target.as_str(), None),
    };
    let route = Route::of(path);

    let (context, outcome) = match &app {
        Ok(app) => {
            let context = context.with_limit(app.settings.request_timeout);
            let outcome = match route {
                Some(route) => serve(app, &context, &notes, request, route, query).await,
                None => Err(Error::NotFound),
            };
            (context, outcome)
        }
        Err(fault) if route == Some(Route::Readiness) => (context, Err(not_ready(fault.clone()))),
        Err(fault) => (context, Err(Error::from(fault.clone()))),
    };

    let settings = app.as_ref().ok().map(|app| &*app.settings);
    let (mut response, code, error) = match outcome {
        Ok(response) => (response, "ok", None),
        Err(error) => {
            let resource = request.authority.as_deref().and_then(|authority| ProtectedResource::new(authority, path));
            let problem = problem(&error, settings.map(|settings| &settings.policy));
            let problem = problem.with_resource_metadata(resource.as_ref());
            let code = problem.code();
            let mut response = problem.into_response(context.correlation.request_id).map(Body::Whole);
            if let Error::MethodNotAllowed = error {
                response.headers_mut().insert(header::ALLOW, allowed_methods(settings));
            }
            (response, code, Some(error))
        }
    };
    let total = host.elapsed().saturating_sub(context.elapsed);
    add_headers(response.headers_mut(), request, &context.correlation, settings, || notes.server_timing(total));
    if route == Some(Route::Readiness) && matches!(error, None | Some(Error::NotReady(_))) {
        instance.readiness.note(host, error.as_ref());
        return response;
    }
    let served = Served {
        method: method_word(&request.method),
        path: route.map_or("other", Route::word),
        status: response.status(),
        outcome: code,
    };
    notes.log(host, &context.correlation, served, error.as_ref(), total);
    response
}

async fn serve<H: Host>(
    app: &App,
    context: &Context<H>,
    notes: &RequestNotes,
    request: &RequestHead,
    route: Route,
    query: Option<&str>,
) -> Result<Response<Body<H::Body>>, Error> {
    if request.method == Method::OPTIONS && !app.settings.allowed_origins.is_empty() {
        return preflight(&request.headers, &app.settings);
    }
    if request.method != Method::GET && request.method != Method::HEAD {
        return Err(Error::MethodNotAllowed);
    }
    let bearer = match route {
        Route::Metadata => return metadata(app, request),
        Route::Readiness => {
            return app.api.unready(context.elapsed).map_or_else(|| Ok(response::ready()), |why| Err(not_ready(why)));
        }
        _ => app.api.bearer(&request.headers)?,
    };
    let resource = match route {
        Route::Photo if query.is_some_and(|query| !query.is_empty()) => return Err(Error::Query(QueryFault::Unknown)),
        Route::Photo => Resource::photo(&request.headers),
        _ => Resource::Profile(Select::parse(query).map_err(Error::Query)?),
    };
    flow::get(app, context, notes, bearer, &resource).await
}

fn not_ready(why: impl Into<Error>) -> Error {
    Error::NotReady(Box::new(why.into()))
}

fn allowed_methods(settings: Option<&ApiSettings>) -> HeaderValue {
    let with_preflight = settings.is_some_and(|settings| !settings.allowed_origins.is_empty());
    HeaderValue::from_static(if with_preflight { "GET, HEAD, OPTIONS" } else { "GET, HEAD" })
}

fn preflight<B>(headers: &HeaderMap, settings: &ApiSettings) -> Result<Response<Body<B>>, Error> {
    if !is_preflight(headers) {
        return Err(Error::MethodNotAllowed);
    }
    let cors = cors(settings);
    if cors.allowed_origin(headers).is_none() {
        return Err(Error::OriginNotAllowed);
    }
    let mut response = response::empty(StatusCode::NO_CONTENT);
    cors.add_to_preflight(response.headers_mut());
    Ok(response)
}

const fn cors(settings: &ApiSettings) -> Cors<'_> {
    Cors {
        origins: settings.allowed_origins.as_slice(),
        methods: "GET, HEAD",
        exposed: "WWW-Authenticate, Retry-After, ETag, Server-Timing, request-id, client-request-id, traceparent",
    }
}

/// RFC 9728, of a path of this API or of all of it.
fn metadata<B>(app: &App, request: &RequestHead) -> Result<Response<Body<B>>, Error> {
    let path = request.target.split('?').next().and_then(ProtectedResource::path_of).ok_or(Error::NotFound)?;
    if !path.is_empty() && !Route::of(path).is_some_and(Route::is_protected) {
        return Err(Error::NotFound);
    }
    let resource = request.authority.as_deref().and_then(|authority| ProtectedResource::new(authority, path));
    Ok(resource.ok_or(Error::NotFound)?.metadata(&app.settings.policy).map(Body::Whole))
}

fn add_headers(
    answer: &mut HeaderMap,
    request: &RequestHead,
    correlation: &Correlation,
    settings: Option<&ApiSettings>,
    server_timing: impl FnOnce() -> String,
) {
    correlation.add_to_response(answer);
    if let Some(settings) = settings {
        cors(settings).add_to_response(answer, &request.headers);
        if settings.server_timing
            && let Ok(value) = HeaderValue::try_from(server_timing())
        {
            answer.insert(SERVER_TIMING, value);
        }
    }
}

/// The paths of this API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Profile,
    /// The path of the sample from which this API grew.
    ProfileOfSample,
    Photo,
    /// What a client needs to know to get a token (RFC 9728).
    Metadata,
    /// What a load balancer needs to know to send requests here or elsewhere.
    Readiness,
}

impl Route {
    fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/api/profile-get" => Self::Profile,
            "/api/profile" => Self::ProfileOfSample,
            "/api/profile-get/photo" => Self::Photo,
            "/readyz" => Self::Readiness,
            _ if ProtectedResource::path_of(path).is_some() => Self::Metadata,
            _ => return None,
        })
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Profile => "/api/profile-get",
            Self::ProfileOfSample => "/api/profile",
            Self::Photo => "/api/profile-get/photo",
            Self::Metadata => "/.well-known/oauth-protected-resource",
            Self::Readiness => "/readyz",
        }
    }

    const fn is_protected(self) -> bool {
        match self {
            Self::Profile | Self::ProfileOfSample | Self::Photo => true,
            Self::Metadata | Self::Readiness => false,
        }
    }
}

fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
