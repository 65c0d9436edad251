//! A [`Host`] whose clock, network, store and log belong to the test, and a browser that keeps cookies.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    ops::Deref,
    pin::Pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use entra_obo::{
    host::{Host, MaybeSend, SendFault, StoreFault, UnixTime, UpstreamBody, VariableUnavailable},
    toolkit::RequestHead,
};
use futures::{
    executor::block_on,
    future::{join_all, pending, poll_fn},
};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use profile_app::{app::answer, instance::Instance};
use send_wrapper::SendWrapper;
use serde_json::{Value, json};

pub(crate) const TENANT: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const APP: &str = "22222222-2222-4222-8222-222222222222";
pub(crate) const API: &str = "33333333-3333-4333-8333-333333333333";
pub(crate) const PERSON: &str = "44444444-4444-4444-8444-444444444444";
pub(crate) const AUTHORITY: &str = "https://login.example";
pub(crate) const APP_URL: &str = "https://app.example";
pub(crate) const APP_SECRET: &str = "app-client-secret-value";
pub(crate) const SESSION_SECRET: &str = "session-secret-value-of-40-characters!!!";
pub(crate) const NOW: u64 = 1_800_000_000;

/// A response of an upstream, or none.
pub(crate) type Reply = Result<Response<Bytes>, SendFault>;

pub(crate) fn json_reply(status: u16, body: &Value) -> Reply {
    Ok(Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap())
}

/// A refusal of the API.
pub(crate) fn problem(status: u16, code: &str, more: &Value) -> Reply {
    let mut body = json!({"type": "about:blank", "status": status, "code": code, "detail": "The API's explanation.",
                          "request_id": "55555555-5555-4555-8555-555555555555"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json_reply(status, &body)
}

/// A world in which everything works: Entra issues tokens, the API returns a profile. Each test breaks one thing.
pub(crate) struct World(Rc<Script>);

/// What a test sets and looks up.
pub(crate) struct Script {
    instance: RefCell<Rc<Instance>>,
    store: RefCell<BTreeMap<String, Vec<u8>>>,
    /// Whether the store fails.
    pub(crate) store_fails: Cell<bool>,
    pub(crate) now: Cell<u64>,
    elapsed: Cell<Duration>,
    variables: RefCell<BTreeMap<&'static str, Result<String, String>>>,
    pub(crate) requests: RefCell<Vec<Request<Bytes>>>,
    scripted: RefCell<BTreeMap<&'static str, VecDeque<Reply>>>,
    pub(crate) log: RefCell<Vec<String>>,
    random: Cell<u128>,
    cookies: RefCell<BTreeMap<String, String>>,
    nonce: RefCell<String>,
    /// The next id token has these claims changed.
    pub(crate) id_token: RefCell<Value>,
    /// The next access token is padded to this many bytes.
    pub(crate) token_bytes: Cell<usize>,
    spawned: RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>,
}

/// The script as a host. Natively a host must be able to change threads; this one never does.
#[derive(Clone)]
pub(crate) struct ScriptedHost(SendWrapper<Rc<Script>>);

impl Deref for World {
    type Target = Script;

    fn deref(&self) -> &Script {
        &self.0
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let variables = [
            ("tenant_id", TENANT),
            ("app_client_id", APP),
            ("appclientsecret", APP_SECRET),
            ("sessionsecret", SESSION_SECRET),
            ("api_client_id", API),
            ("api_url", "https://api.example"),
            ("app_url", APP_URL),
            ("required_scope", "user_impersonation"),
            ("authority_host", AUTHORITY),
        ];
        Self(Rc::new(Script {
            instance: RefCell::default(),
            store: RefCell::default(),
            store_fails: Cell::default(),
            now: Cell::new(NOW),
            elapsed: Cell::default(),
            variables: RefCell::new(variables.into_iter().map(|(name, value)| (name, Ok(value.to_owned()))).collect()),
            requests: RefCell::default(),
            scripted: RefCell::default(),
            log: RefCell::default(),
            random: Cell::new(1),
            cookies: RefCell::default(),
            nonce: RefCell::default(),
            id_token: RefCell::new(json!({})),
            token_bytes: Cell::new(0),
            spawned: RefCell::default(),
        }))
    }

    pub(crate) fn host(&self) -> ScriptedHost {
        ScriptedHost(SendWrapper::new(Rc::clone(&self.0)))
    }

    pub(crate) fn set(&self, name: &'static str, value: Result<&str, &str>) -> &Self {
        self.variables.borrow_mut().insert(name, value.map(str::to_owned).map_err(str::to_owned));
        self
    }

    /// The next responses of an endpoint (`token`, `profile` or `photo`), before it works again.
    pub(crate) fn next(&self, endpoint: &'static str, replies: impl IntoIterator<Item = Reply>) -> &Self {
        self.scripted.borrow_mut().entry(endpoint).or_default().extend(replies);
        self
    }

    /// The next request goes to a new instance.
    pub(crate) fn start_instance(&self) -> &Self {
        self.instance.take();
        self
    }

    pub(crate) fn store_size(&self) -> (usize, usize) {
        let store = self.store.borrow();
        (store.len(), store.values().map(Vec::len).max().unwrap_or_default())
    }

    /// Changes every entry of the store.
    pub(crate) fn change_store(&self, change: impl FnMut(&mut Vec<u8>)) {
        self.store.borrow_mut().values_mut().for_each(change);
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.now.set(self.now.get() + seconds);
        self.elapsed.set(self.elapsed.get() + Duration::from_secs(seconds));
    }

    /// How often an endpoint was called.
    pub(crate) fn calls(&self, endpoint: &str) -> usize {
        self.requests.borrow().iter().filter(|request| endpoint_of(request) == endpoint).count()
    }

    pub(crate) fn last(&self, endpoint: &str) -> Request<Bytes> {
        let requests = self.requests.borrow();
        requests.iter().rev().find(|request| endpoint_of(request) == endpoint).unwrap().clone()
    }

    pub(crate) fn last_log_line(&self) -> Value {
        serde_json::from_str(self.log.borrow().last().unwrap()).unwrap()
    }

    pub(crate) fn cookie_names(&self) -> Vec<String> {
        self.cookies.borrow().keys().cloned().collect()
    }

    /// The browser's cookies, to be put back by [`Self::put_back`].
    pub(crate) fn cookies(&self) -> BTreeMap<String, String> {
        self.cookies.borrow().clone()
    }

    pub(crate) fn put_back(&self, cookies: &BTreeMap<String, String>) {
        self.cookies.replace(cookies.clone());
    }

    pub(crate) fn cookie_values(&self) -> Vec<String> {
        self.cookies.borrow().values().cloned().collect()
    }

    pub(crate) fn change_cookie(&self, name: &str, change: impl FnOnce(&mut String)) {
        change(self.cookies.borrow_mut().get_mut(name).unwrap());
    }

    pub(crate) fn lose_cookie(&self, name: &str) {
        self.cookies.borrow_mut().remove(name).unwrap();
    }

    /// The response to a GET by the browser.
    pub(crate) fn get(&self, target: &str) -> Answered {
        self.request(Method::GET, target, &[])
    }

    pub(crate) fn request(&self, method: Method, target: &str, headers: &[(&'static str, &str)]) -> Answered {
        let response = block_on(self.answer(method, target, headers));
        block_on(join_all(self.spawned.take()));
        for line in response.headers().get_all("set-cookie") {
            self.keep(line.to_str().unwrap());
        }
        Answered { status: response.status().as_u16(), headers: response.headers().clone(), body: response.into_body() }
    }

    /// The response to a request with the browser's cookies. The browser ignores `Set-Cookie`.
    pub(crate) async fn answer(
        &self,
        method: Method,
        target: &str,
        headers: &[(&'static str, &str)],
    ) -> Response<Bytes> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let held: Vec<_> = self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !held.is_empty() {
            map.append("cookie", HeaderValue::from_str(&held.join("; ")).unwrap());
        }
        let request = RequestHead { method, target: target.to_owned(), authority: None, headers: map };
        let instance = Rc::clone(&self.instance.borrow());
        answer(&instance, &self.host(), &request).await
    }

    fn keep(&self, line: &str) {
        assert!(line.len() <= 4096, "a browser drops a cookie of {} bytes", line.len());
        let (pair, attributes) = line.split_once("; ").unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        if attributes.contains("Max-Age=0") {
            self.cookies.borrow_mut().remove(name);
        } else {
            self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
        }
    }

    /// Begins a sign-in at `target`, and returns the parameters of the authorization request.
    pub(crate) fn leave_for_entra(&self, target: &str) -> BTreeMap<String, String> {
        let answered = self.get(target);
        assert_eq!(answered.status, 303, "{}", answered.text());
        let (url, query) = answered.header("location").split_once('?').unwrap();
        assert_eq!(url, format!("{AUTHORITY}/{TENANT}/oauth2/v2.0/authorize"));
        let asked: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        self.nonce.replace(asked["nonce"].clone());
        asked
    }

    /// The person comes back with a code for an authorization request.
    pub(crate) fn come_back(&self, asked: &BTreeMap<String, String>) -> Answered {
        self.get(&format!("/signin-callback?code=the-code&state={}&session_state=x", asked["state"]))
    }

    /// Signs Ada in.
    pub(crate) fn sign_in(&self) -> &Self {
        let asked = self.leave_for_entra("/sign-in");
        let answered = self.come_back(&asked);
        assert_eq!((answered.status, answered.header("location")), (303, "/"), "{}", answered.text());
        self
    }
}

impl Script {
    fn default_reply(&self, request: &Request<Bytes>) -> Reply {
        match endpoint_of(request) {
            "token" => json_reply(
                200,
                &json!({"token_type": "Bearer", "expires_in": 3600, "access_token": self.access_token(),
                        "id_token": self.fresh_id_token(), "scope": format!("api://{API}/user_impersonation")}),
            ),
            "profile" => {
                let mut reply = json_reply(
                    200,
                    &json!({"displayName": "Ada Marsh", "jobTitle": "Analyst", "mail": "ada@example.com",
                            "mobilePhone": "+1 555 0101", "businessPhones": ["+1 555 0100"],
                            "officeLocation": "4/1024", "userPrincipalName": "ada@example.com"}),
                )?;
                let timing = "validate;dur=1.234, exchange;desc=\"exchange\";dur=20, graph;dur=30, total;dur=52";
                reply.headers_mut().insert("server-timing", HeaderValue::from_static(timing));
                reply.headers_mut().insert("request-id", HeaderValue::from_static("api-request-id"));
                Ok(reply)
            }
            _ => Ok(Response::builder().header("content-type", "image/jpeg").body("jpeg".into()).unwrap()),
        }
    }

    fn access_token(&self) -> String {
        let claims = json!({"aud": API, "scp": "user_impersonation", "name": "Ada Marsh", "exp": self.now.get() + 3600,
                            "padding": "x".repeat(self.token_bytes.get())});
        jwt(&claims)
    }

    fn fresh_id_token(&self) -> String {
        let mut claims = json!({"iss": format!("{AUTHORITY}/{TENANT}/v2.0"), "aud": APP, "exp": self.now.get() + 3600,
                                "nonce": *self.nonce.borrow(), "tid": TENANT, "oid": PERSON, "name": "Ada Marsh",
                                "preferred_username": "ada@example.com", "login_hint": "opaque-hint"});
        claims.as_object_mut().unwrap().extend(self.id_token.borrow().as_object().unwrap().clone());
        jwt(&claims)
    }
}

fn jwt(claims: &Value) -> String {
    format!("e30.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

pub(crate) fn endpoint_of(request: &Request<Bytes>) -> &'static str {
    match request.uri().to_string().as_str() {
        "https://login.example/11111111-1111-4111-8111-111111111111/oauth2/v2.0/token" => "token",
        "https://api.example/api/profile-get" => "profile",
        "https://api.example/api/profile-get/photo" => "photo",
        other => panic!("nobody should call {other}"),
    }
}

impl ScriptedHost {
    /// Lets other tasks continue, then succeeds or fails.
    async fn use_store(&self) -> Result<(), StoreFault> {
        let mut has_waited = false;
        poll_fn(|context| {
            if has_waited {
                return Poll::Ready(());
            }
            has_waited = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        if self.0.store_fails.get() { Err(StoreFault("the store is down".to_owned())) } else { Ok(()) }
    }
}

impl Host for ScriptedHost {
    type Body = ScriptedBody;

    fn now(&self) -> UnixTime {
        UnixTime(self.0.now.get())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed.get()
    }

    fn random(&self) -> [u8; 16] {
        self.0.random.set(self.0.random.get() + 1);
        self.0.random.get().wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_le_bytes()
    }

    async fn variable(&self, name: &str) -> Result<String, VariableUnavailable> {
        let value = self.0.variables.borrow()[name].clone();
        value.map_err(VariableUnavailable::Unreadable)
    }

    async fn send(&self, request: &Request<Bytes>, limit: Duration) -> Result<Response<ScriptedBody>, SendFault> {
        assert!(limit <= Duration::from_secs(30), "{limit:?}");
        self.0.elapsed.set(self.0.elapsed.get() + Duration::from_millis(60));
        let scripted = self.0.scripted.borrow_mut().get_mut(endpoint_of(request)).and_then(VecDeque::pop_front);
        let reply = scripted.unwrap_or_else(|| self.0.default_reply(request));
        self.0.requests.borrow_mut().push(request.clone());
        reply.map(|reply| reply.map(|body| ScriptedBody(Some(body))))
    }

    async fn sleep(&self, duration: Duration) {
        assert!(duration <= Duration::from_secs(30), "{duration:?}");
        pending().await
    }

    async fn read_store(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        self.use_store().await?;
        Ok(self.0.store.borrow().get(key).cloned())
    }

    async fn write_store(&self, key: &str, value: &[u8]) -> Result<(), StoreFault> {
        self.use_store().await?;
        self.0.store.borrow_mut().insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    fn spawn(&self, task: impl Future<Output = ()> + MaybeSend + 'static) {
        self.0.spawned.borrow_mut().push(Box::pin(task));
    }

    fn log(&self, line: &str) {
        self.0.log.borrow_mut().push(line.to_owned());
    }
}

/// A body in one piece.
pub(crate) struct ScriptedBody(Option<Bytes>);

impl UpstreamBody for ScriptedBody {
    async fn next(&mut self) -> Option<Result<Bytes, SendFault>> {
        self.0.take().map(Ok)
    }
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answered {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> &Self {
        assert!(self.text().contains(text), "no {text:?} in: {}", self.text());
        self
    }

    #[track_caller]
    pub(crate) fn hides(&self, text: &str) -> &Self {
        assert!(!self.text().contains(text), "{text:?} in: {}", self.text());
        self
    }

    /// Requires a failure page.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, code: &str) -> &Self {
        assert_eq!(self.status, status, "{}", self.text());
        self.shows(&format!("<dt>Code</dt><dd><code>{code}</code></dd>"))
    }
}
