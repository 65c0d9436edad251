//! A request to its answer, whatever it holds: paths, methods, the person's session, and the one line in the log.

use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, header};
use uuid::{Builder, Uuid};

use crate::{
    failure::Failure,
    home,
    host::Host,
    instance::Instance,
    log_line::{RequestNotes, Served},
    pages::{FailureTemplate, Layout, failure_page::FailurePage, response},
    photo,
    session::{Session, cookies::Cookies},
    settings::Settings,
    sign_in::{
        callback,
        pending::{PendingSignIn, Prompt, SignInRequest},
    },
    sign_out,
};

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

/// What serving one request needs.
#[derive(Debug)]
pub struct Context<'a, H> {
    /// The machine.
    pub host: &'a H,
    /// What the operator has set.
    pub settings: Rc<Settings>,
    /// The browser's cookies.
    pub cookies: Cookies,
    /// The browser's session, expired or not.
    pub session: Option<Session>,
    /// This request's id.
    pub request_id: Uuid,
    /// What the log will say.
    pub notes: &'a RequestNotes,
}

impl<H: Host> Context<'_, H> {
    /// What all pages show.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Layout {
            signed_in_as: self.signed_in().map(|session| session.name.clone()),
            has_session: self.session.is_some(),
            request_id: self.request_id,
        }
    }

    /// The session of who is signed in.
    #[must_use]
    pub fn signed_in(&self) -> Option<&Session> {
        self.session.as_ref().filter(|session| !session.has_expired(self.host.now()))
    }
}

/// Answers a request. There is no request without an answer, and none that is not logged.
pub async fn answer<H: Host>(instance: &Instance, host: &H, request: &RequestHead) -> Response<Bytes> {
    let started = host.elapsed();
    let notes = RequestNotes::default();
    let request_id = Builder::from_random_bytes(host.random()).into_uuid();
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let route = Route::of(path);

    let (mut response, failure) = match fixed(route, request) {
        Some(response) => (response, None),
        None => match instance.settings(host).await {
            Ok(settings) => {
                let cookies = Cookies::from_headers(&request.headers);
                let session = Session::of(&cookies, &settings);
                let context = Context { host, settings, cookies, session, request_id, notes: &notes };
                serve_with_session(&context, instance, request, route, query).await
            }
            Err(faults) => {
                let failure = Failure::Settings(faults);
                let layout = Layout { signed_in_as: None, has_session: false, request_id };
                (failure_response(&failure, None, layout), Some(failure))
            }
        },
    };

    let total = host.elapsed().saturating_sub(started);
    let served = Served { method: method_word(&request.method), path: route.word(), status: response.status() };
    notes.log(host, request_id, served, failure.as_ref(), total);
    if request.method == Method::HEAD {
        *response.body_mut() = Bytes::new();
    }
    response
}

/// What needs no settings: what is the same for everybody.
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
                instance.forget_settings();
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
        Route::SignIn => sign_in(context, query),
        Route::SignInCallback => callback::answer(context, &instance.used_sign_ins, query).await,
        Route::SignOut => sign_out::answer(context, &request.headers),
        Route::SignedOut => Ok(sign_out::landing(context)),
        Route::Photo => photo::answer(context).await,
        Route::Style | Route::Icon | Route::Other => Err(Failure::NotFound),
    }
}

fn sign_in<H: Host>(context: &Context<'_, H>, query: &str) -> Result<Response<Bytes>, Failure> {
    let prompt = match query {
        "prompt=login" => Some(Prompt::Login),
        "prompt=select_account" => Some(Prompt::SelectAccount),
        _ => None,
    };
    let known = context.session.as_ref().filter(|_| prompt != Some(Prompt::SelectAccount));
    let login_hint = known.and_then(|session| session.username.as_deref());
    let wanted = SignInRequest { prompt, login_hint, ..SignInRequest::default() };
    let url = PendingSignIn::begin(context.host, &context.cookies, &context.settings, &wanted);
    Ok(response::redirect(&url.map_err(|_| Failure::Internal("a sign-in does not fit into a cookie"))?))
}

fn failure_response(failure: &Failure, settings: Option<&Settings>, layout: Layout) -> Response<Bytes> {
    let page = FailurePage::of(failure, settings, layout.signed_in_as.is_some());
    let status = page.status;
    let mut response = response::page(&FailureTemplate { layout, page }, settings);
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

    const fn word(self) -> &'static str {
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
            // Whatever the method, there is nothing.
            Self::Other => true,
            _ => method == Method::GET || method == Method::HEAD,
        }
    }
}

fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}
