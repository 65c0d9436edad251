//! Answers every request: routes, methods, the person's session, and the line in the log.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, header};
use uuid::Builder;

use entra_obo::{host::Host, toolkit::RequestHead};

use crate::{
    context::Context,
    failure::Failure,
    home,
    instance::Instance,
    log_line::{RequestNotes, Served},
    pages::{FailurePage, Layout, failure_page::explain, response},
    photo,
    session::{Session, cookies::Cookies},
    settings::AppSettings,
    sign_in::{begin, callback},
    sign_out,
};

/// The headers of requests that this app reads; a host need not give others.
pub const HEADERS_READ: [HeaderName; 3] = [header::COOKIE, header::ORIGIN, HeaderName::from_static("sec-fetch-site")];

/// Answers a request, always, and logs it.
pub async fn answer<H: Host>(instance: &Instance, host: &H, request: &RequestHead) -> Response<Bytes> {
    let started = host.elapsed();
    let notes = RequestNotes::default();
    let request_id = Builder::from_random_bytes(host.random()).into_uuid();
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let route = Route::of(path);

    let (mut response, failure) = match fixed(route, request) {
        Some(response) => (response, None),
        None => match instance.settings.current(host, started).await {
            Ok(settings) => {
                let cookies = Cookies::from_headers(&request.headers);
                let session = Session::open(&cookies, &settings);
                let context = Context { host, settings, cookies, session, request_id, notes: &notes };
                serve_with_session(&context, instance, request, route, query).await
            }
            Err(fault) => {
                let failure = Failure::Settings(fault);
                let layout = Layout { signed_in_as: None, has_session: false, request_id };
                (failure_response(&failure, None, layout), Some(failure))
            }
        },
    };

    let total = host.elapsed().saturating_sub(started);
    let served = Served { method: method_name(&request.method), path: route.name(), status: response.status() };
    notes.log(host, request_id, served, failure.as_ref(), total);
    if request.method == Method::HEAD {
        *response.body_mut() = Bytes::new();
    }
    response
}

/// What needs no settings: files that are the same for everyone.
fn fixed(route: Route, request: &RequestHead) -> Option<Response<Bytes>> {
    if !route.takes(&request.method) {
        return None;
    }
    match route {
        Route::Style => Some(response::asset("text/css; charset=utf-8", include_bytes!("../assets/style.css"))),
        Route::Icon => Some(response::asset("image/svg+xml", include_bytes!("../assets/icon.svg"))),
        _ => None,
    }
}

async fn serve_with_session<H: Host>(
    context: &Context<'_, H>,
    instance: &Instance,
    request: &RequestHead,
    route: Route,
    query: &str,
) -> (Response<Bytes>, Option<Failure>) {
    if let Some(session) = &context.session {
        context.notes.person(context.settings.tenant_id, session.object_id);
    }
    let (mut response, failure) = match serve(context, instance, request, route, query).await {
        Ok(response) => (response, None),
        Err(failure) => {
            if failure.is_about_the_secret() {
                instance.settings.forget();
            }
            (failure_response(&failure, Some(&context.settings), context.layout()), Some(failure))
        }
    };
    context.cookies.add_changes(response.headers_mut());
    (response, failure)
}

async fn serve<H: Host>(
    context: &Context<'_, H>,
    instance: &Instance,
    request: &RequestHead,
    route: Route,
    query: &str,
) -> Result<Response<Bytes>, Failure> {
    if !route.takes(&request.method) {
        return Err(Failure::MethodNotAllowed(route.methods()));
    }
    match route {
        Route::Home => home::answer(context).await,
        Route::SignIn => begin::answer(context, query),
        Route::SignInCallback => callback::answer(context, &instance.used_sign_ins, query).await,
        Route::SignOut => sign_out::answer(context, &request.headers),
        Route::SignedOut => Ok(sign_out::landing(context)),
        Route::Photo => photo::answer(context).await,
        Route::Style | Route::Icon | Route::Other => Err(Failure::NotFound),
    }
}

fn failure_response(failure: &Failure, settings: Option<&AppSettings>, layout: Layout) -> Response<Bytes> {
    let explanation = explain(failure, settings, layout.signed_in_as.is_some());
    let status = explanation.status;
    let mut response = response::page(&FailurePage { layout, code: failure.code(), explanation }, settings);
    *response.status_mut() = status;
    if let Failure::MethodNotAllowed(methods) = failure {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    }
    response
}

/// The paths of this app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Home,
    SignIn,
    SignInCallback,
    SignOut,
    SignedOut,
    Photo,
    Style,
    Icon,
    Other,
}

impl Route {
    fn of(path: &str) -> Self {
        match path {
            "/" => Self::Home,
            "/sign-in" => Self::SignIn,
            "/signin-callback" => Self::SignInCallback,
            "/sign-out" => Self::SignOut,
            "/signed-out" => Self::SignedOut,
            "/photo" => Self::Photo,
            "/style.css" => Self::Style,
            "/icon.svg" => Self::Icon,
            _ => Self::Other,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Home => "/",
            Self::SignIn => "/sign-in",
            Self::SignInCallback => "/signin-callback",
            Self::SignOut => "/sign-out",
            Self::SignedOut => "/signed-out",
            Self::Photo => "/photo",
            Self::Style => "/style.css",
            Self::Icon => "/icon.svg",
            Self::Other => "other",
        }
    }

    const fn methods(self) -> &'static str {
        match self {
            Self::SignOut => "POST",
            _ => "GET, HEAD",
        }
    }

    fn takes(self, method: &Method) -> bool {
        match self {
            Self::SignOut => method == Method::POST,
            // There is nothing, for any method.
            Self::Other => true,
            _ => method == Method::GET || method == Method::HEAD,
        }
    }
}

fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}
