//! What browsers send to the sign-in app, and what Entra and the API respond to it.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use entra_obo::{
    fuzzing::{AUTHORITY, CLIENT, NOW, TENANT, headers, lines},
    host::{Host, MaybeSend, SendFault, StoreFault, UnixTime, UpstreamBody, VariableUnavailable},
    settings::source::Settings,
    toolkit::RequestHead,
};
use futures::{executor::block_on, future::pending};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use profile_app::{
    app::answer,
    instance::Instance,
    session::cookies::{Cookies, SealedCookie},
    settings::AppSettings,
};

const API_URL: &str = "https://api.example";

/// Method, path and query, and `Cookie`, a line each.
pub(crate) fn request(data: &[u8]) {
    let [method, target, cookies] = lines(data);
    let host = Machine::default();
    let browser = Browser::default();
    let method = Method::from_bytes(method).unwrap_or(Method::GET);
    browser.visit(&host, method, &String::from_utf8_lossy(target), headers(&header::COOKIE, cookies));
    assert_eq!(host.token_calls(), 0, "nobody has signed in");
}

/// What the person brings back from Entra in addition to the state, the status of Entra's or the API's response, and
/// its body.
///
/// Ids and times are the same each time, so a body can be the one that completes the sign-in.
pub(crate) fn sign_in(data: &[u8]) {
    let [brought, status, body] = lines(data);
    let host = Machine::default();
    let status = StatusCode::from_bytes(status).unwrap_or(StatusCode::OK);
    *host.0.reply.lock().unwrap() = (status, Bytes::copy_from_slice(body));
    let browser = Browser::default();
    let location = browser.visit(&host, Method::GET, "/sign-in", HeaderMap::new()).unwrap();
    let (_, query) = location.split_once('?').unwrap();
    let (_, state) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "state").unwrap();
    let target = format!("/signin-callback?{}&state={state}", String::from_utf8_lossy(brought));
    browser.visit(&host, Method::GET, &target, HeaderMap::new());
    assert!(host.token_calls() <= 1);
    browser.visit(&host, Method::GET, &target, HeaderMap::new());
    for target in ["/", "/photo"] {
        browser.visit(&host, Method::GET, target, HeaderMap::new());
    }
    assert!(host.token_calls() <= 1);
}

/// The `Cookie` header, or (with an empty first line) what a cookie is to hold.
pub(crate) fn cookies(data: &[u8]) {
    let host = Machine::default();
    let settings = block_on(AppSettings::load(&host, Duration::ZERO, Duration::from_secs(8))).unwrap();
    let cookie = SealedCookie { name: "profile-fuzz".into(), lifetime: None };
    let sent = Cookies::from_headers(&headers(&header::COOKIE, data));
    assert_eq!(sent.open(&cookie, &settings), None);
    let [b"", content] = lines(data) else { return };

    let browser = Browser::default();
    let jar = Cookies::from_headers(&HeaderMap::new());
    let kept = jar.set([[1; 16], [2; 16]], &cookie, &settings, content).is_ok();
    assert!(kept || content.len() > 10_000);
    let mut changes = HeaderMap::new();
    jar.add_changes(&mut changes);
    browser.keep(&changes);
    let read = Cookies::from_headers(&browser.cookies());
    assert_eq!(read.open(&cookie, &settings).as_deref(), kept.then_some(content));
    let another = SealedCookie { name: "profile-other".into(), lifetime: None };
    assert_eq!(read.open(&another, &settings), None);
}

/// A browser with its cookies.
#[derive(Default)]
struct Browser {
    instance: Instance,
    cookies: RefCell<BTreeMap<String, String>>,
}

impl Browser {
    /// Makes a request, and returns where it is redirected.
    fn visit(&self, host: &Machine, method: Method, target: &str, mut headers: HeaderMap) -> Option<String> {
        headers.extend(self.cookies());
        let head = RequestHead { method, target: target.to_owned(), authority: None, headers };
        let answer = block_on(answer(&self.instance, host, &head));
        let (head, body) = answer.into_parts();
        assert!(
            head.headers.values().all(|value| value.to_str().is_ok_and(|text| text.len() <= 16 * 1024)),
            "{head:?}"
        );
        self.keep(&head.headers);
        // Nothing in the input gets into a page as markup, or redirects anyone elsewhere.
        let text = String::from_utf8_lossy(&body).to_ascii_lowercase();
        if head.headers[header::CONTENT_TYPE] == "text/html; charset=utf-8" {
            for markup in ["<script", "<iframe", "<style", " onerror=", "href=\"javascript:"] {
                assert!(
                    !text.contains(markup) || !markup.starts_with('<') && !is_in_a_tag(&text, markup),
                    "{markup}: {text}"
                );
            }
        }
        let location = head.headers.get(header::LOCATION)?.to_str().unwrap().to_owned();
        let own = ["/", "/signed-out"].contains(&location.as_str());
        assert!(own || location.starts_with(&format!("{AUTHORITY}/{TENANT}/oauth2/v2.0/")), "{location}");
        Some(location)
    }

    fn cookies(&self) -> HeaderMap {
        let pairs: Vec<_> = self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let value = HeaderValue::try_from(pairs.join("; ")).unwrap();
        (!pairs.is_empty()).then_some((header::COOKIE, value)).into_iter().collect()
    }

    fn keep(&self, headers: &HeaderMap) {
        for line in headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            assert!(line.len() <= 4096 && line.contains("; HttpOnly; SameSite=Lax; Secure"), "{line}");
            let (name, rest) = line.split_once('=').unwrap();
            let (value, attributes) = rest.split_once(';').unwrap();
            if attributes.ends_with("Max-Age=0") {
                self.cookies.borrow_mut().remove(name);
            } else {
                self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// Whether `markup` follows a quotation mark that ends an attribute, or the beginning of a tag.
fn is_in_a_tag(text: &str, markup: &str) -> bool {
    text.match_indices(markup).any(|(at, _)| text[..at].rfind('<') > text[..at].rfind('>'))
}

/// A host whose clock does not move, and whose Entra and API send the same reply.
#[derive(Clone, Default)]
struct Machine(Arc<State>);

#[derive(Default)]
struct State {
    reply: Mutex<(StatusCode, Bytes)>,
    token_calls: AtomicUsize,
    random: AtomicU8,
    store: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Machine {
    fn token_calls(&self) -> usize {
        self.0.token_calls.load(Relaxed)
    }
}

impl Host for Machine {
    type Body = Reply;

    fn now(&self) -> UnixTime {
        UnixTime(NOW)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn random(&self) -> [u8; 16] {
        [self.0.random.fetch_add(1, Relaxed).wrapping_add(1); 16]
    }

    async fn variable(&self, name: &str) -> Result<String, VariableUnavailable> {
        Ok(match name {
            "tenant_id" => TENANT,
            "app_client_id" => CLIENT,
            "api_client_id" => "33333333-3333-4333-8333-333333333333",
            "appclientsecret" => "a-client-secret-of-40-characters-at-most",
            "sessionsecret" => "a-session-secret-of-at-least-32-characters",
            "api_url" => API_URL,
            "app_url" => "https://app.example",
            "required_scope" => "user_impersonation",
            _ => AUTHORITY,
        }
        .to_owned())
    }

    async fn send(&self, request: &Request<Bytes>, _: Duration) -> Result<Response<Reply>, SendFault> {
        if request.uri().host() == Some("login.example") {
            self.0.token_calls.fetch_add(1, Relaxed);
        }
        let (status, body) = self.0.reply.lock().unwrap().clone();
        let mut reply = Response::new(Reply(Some(body)));
        *reply.status_mut() = status;
        reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("image/png"));
        Ok(reply)
    }

    async fn sleep(&self, _: Duration) {
        pending().await
    }

    async fn read_store(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        Ok(self.0.store.lock().unwrap().get(key).cloned())
    }

    async fn write_store(&self, key: &str, value: &[u8]) -> Result<(), StoreFault> {
        self.0.store.lock().unwrap().insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    fn spawn(&self, _: impl Future<Output = ()> + MaybeSend + 'static) {
        unreachable!("the settings stay fresh");
    }

    fn log(&self, line: &str) {
        assert!(line.len() <= 4096 && !line.contains('\n'), "{line}");
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

/// A body in one piece.
struct Reply(Option<Bytes>);

impl UpstreamBody for Reply {
    async fn next(&mut self) -> Option<Result<Bytes, SendFault>> {
        self.0.take().map(Ok)
    }
}
