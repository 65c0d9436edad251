//! A request to its answer, whatever it holds: routes, methods, ids, and the one line in the log.

use std::rc::Rc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};

use crate::{
    correlation::{CLIENT_REQUEST_ID, Correlation, TRACEPARENT},
    cors,
    graph::request::Resource,
    graph::select::{QueryFault, Select},
    host::Host,
    instance::{Context, Instance},
    log_line::{RequestNotes, Served},
    profile,
    refusal::error::Error,
    refusal::problem::Problem,
    response::{self, Body},
    settings::Settings,
    upstream::call::Deadline,
};

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The headers of requests that this component looks at; a host need not give others.
pub const HEADERS_LOOKED_AT: [HeaderName; 6] = [
    header::ACCESS_CONTROL_REQUEST_METHOD,
    header::AUTHORIZATION,
    header::IF_NONE_MATCH,
    header::ORIGIN,
    CLIENT_REQUEST_ID,
    TRACEPARENT,
];

/// The head of a request. Its body, if it has one, is never looked at.
#[derive(Debug)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The headers.
    pub headers: HeaderMap,
}

/// Answers a request. There is no request without an answer, and none that is not logged.
pub async fn answer<H: Host>(instance: &Rc<Instance>, host: &H, request: &RequestHead) -> Response<Body<H::Body>> {
    let (now, started) = (host.now(), host.elapsed());
    let correlation = Correlation::from_headers(host, &request.headers);
    let settings = instance.settings.current(instance, host, started).await;
    let notes = RequestNotes::begun(started);
    let (path, query) = match request.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (request.target.as_str(), None),
    };
    let route = Route::of(path);

    let outcome = match &settings {
        Ok(settings) => {
            let context = Context {
                instance: Rc::clone(instance),
                caches: instance.caches(settings),
                host: host.clone(),
                settings: Rc::clone(settings),
                correlation: correlation.clone(),
                now,
                elapsed: started,
                deadline: Deadline::after(started, settings.request_timeout),
            };
            serve(&context, &notes, request, route, query).await
        }
        Err(error) => Err(error.clone()),
    };

    let settings = settings.as_deref().ok();
    let error = outcome.as_ref().err().cloned();
    let (mut response, code) = match outcome {
        Ok(response) => (response, "ok"),
        Err(error) => {
            let problem = Problem::of(&error, settings).of_request(correlation.request_id);
            let code = problem.code();
            (response::of_problem(problem, &error, settings), code)
        }
    };
    let total = host.elapsed().saturating_sub(started);
    add_headers(response.headers_mut(), request, &correlation, settings, || notes.server_timing(total));
    let served =
        Served { method: method_word(&request.method), path: route.word(), status: response.status(), outcome: code };
    notes.log(host, &correlation, served, error.as_ref(), total);
    response
}

async fn serve<H: Host>(
    context: &Context<H>,
    notes: &RequestNotes,
    request: &RequestHead,
    route: Route,
    query: Option<&str>,
) -> Result<Response<Body<H::Body>>, Error> {
    if route == Route::Other {
        return Err(Error::NotFound);
    }
    if request.method == Method::OPTIONS && !context.settings.allowed_origins.is_empty() {
        return preflight(&request.headers, &context.settings);
    }
    if request.method != Method::GET && request.method != Method::HEAD {
        return Err(Error::MethodNotAllowed);
    }
    let bearer = profile::bearer(&request.headers)?;
    let resource = match route {
        Route::Photo if query.is_some_and(|query| !query.is_empty()) => return Err(Error::Query(QueryFault::Unknown)),
        Route::Photo => Resource::photo(&request.headers),
        Route::Profile | Route::ProfileOfSample | Route::Other => {
            Resource::Profile(Select::parse(query).map_err(Error::Query)?)
        }
    };
    profile::get(context, notes, bearer, &resource).await
}

fn preflight<B>(headers: &HeaderMap, settings: &Settings) -> Result<Response<Body<B>>, Error> {
    if !cors::is_preflight(headers) {
        return Err(Error::MethodNotAllowed);
    }
    if cors::allowed_origin(headers, settings).is_none() {
        return Err(Error::OriginNotAllowed);
    }
    let mut response = response::empty(StatusCode::NO_CONTENT);
    cors::add_to_preflight(response.headers_mut());
    Ok(response)
}

fn add_headers(
    answer: &mut HeaderMap,
    request: &RequestHead,
    correlation: &Correlation,
    settings: Option<&Settings>,
    server_timing: impl FnOnce() -> String,
) {
    correlation.add_to_answer(answer);
    if let Some(settings) = settings {
        cors::add_to_answer(answer, &request.headers, settings);
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
    /// Where the sample that this API grew from has it.
    ProfileOfSample,
    Photo,
    Other,
}

impl Route {
    fn of(path: &str) -> Self {
        match path {
            "/api/profile-get" => Self::Profile,
            "/api/profile" => Self::ProfileOfSample,
            "/api/profile-get/photo" => Self::Photo,
            _ => Self::Other,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Profile => "/api/profile-get",
            Self::ProfileOfSample => "/api/profile",
            Self::Photo => "/api/profile-get/photo",
            Self::Other => "other",
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
