//! A [`Host`] whose clock, network, store and log are the test's.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    time::Duration,
};

use bytes::Bytes;
use entra::{Instance, answer};
use entra_obo::{
    host::{
        Forward, ForwardLimits, Host, MaybeSend, SendFault, StoreFault, UnixTime, UpstreamBody, VariableUnavailable,
    },
    toolkit::{Body, RequestHead},
};
use futures::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use send_wrapper::SendWrapper;
use serde_json::{Value, json};

use crate::{answered::Answered, caller_tokens, virtual_time::VirtualTime};

pub(crate) const TENANT: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const CLIENT: &str = "22222222-2222-4222-8222-222222222222";
pub(crate) const PERSON: &str = "33333333-3333-4333-8333-333333333333";
pub(crate) const APPLICATION: &str = "44444444-4444-4444-8444-444444444444";
pub(crate) const AUTHORITY: &str = "https://login.example";
pub(crate) const APP: &str = "http://my-api.spin.internal";
pub(crate) const GRAPH: &str = "https://graph.test";
pub(crate) const HOST: &str = "api.contoso.example";
pub(crate) const SIDECAR: &str = "entra.spin.internal";
pub(crate) const SECRET: &str = "client-secret-value";
pub(crate) const NOW: u64 = 1_800_000_000;

/// A message's body: pieces with a pause before each, and how it ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    pub(crate) pieces: Vec<Bytes>,
    pub(crate) pause: Duration,
    pub(crate) is_cut: bool,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Content {
    pub(crate) fn of(text: impl Into<Bytes>) -> Self {
        Self { pieces: vec![text.into()], ..Self::default() }
    }

    pub(crate) fn pieces(pieces: &[&'static str]) -> Self {
        Self { pieces: pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect(), ..Self::default() }
    }
}

/// An answer of an upstream.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
    pub(crate) delay: Duration,
    pub(crate) fault: Option<SendFault>,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        Self::streamed(status, Content::of(body)).header("content-length", &length)
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, body.to_string()).header("content-type", "application/json")
    }

    /// Without a length.
    pub(crate) fn streamed(status: u16, content: Content) -> Self {
        Self { status, headers: HeaderMap::new(), content, delay: Duration::ZERO, fault: None }
    }

    pub(crate) fn fault(fault: SendFault) -> Self {
        Self { fault: Some(fault), ..Self::new(200, "") }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, HeaderValue::from_str(value).unwrap());
        self
    }

    pub(crate) fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

/// A request that reached an upstream other than Entra, as far as it came.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) method: Method,
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) pieces: Vec<Bytes>,
    pub(crate) trailers: Option<HeaderMap>,
    /// Whether the body came to its end.
    pub(crate) is_whole: bool,
}

impl Arrived {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.pieces.concat()).unwrap()
    }
}

/// A request to the component.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
}

impl Asked {
    pub(crate) fn new(method: Method, target: &str) -> Self {
        Self { method, target: target.to_owned(), headers: HeaderMap::new(), content: Content::default() }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new(Method::GET, target)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn content(self, content: Content) -> Self {
        Self { content, ..self }
    }

    /// As Spin marks it: sent by a component of the same application.
    pub(crate) fn within_app(self) -> Self {
        self.header("spin-client-addr", "0.0.0.0:0")
    }
}

type Upstream = Box<dyn FnMut(&Arrived) -> Reply>;

/// What a test sets and looks at.
pub(crate) struct Script {
    pub(crate) time: Rc<VirtualTime>,
    pub(crate) variables: RefCell<BTreeMap<&'static str, Result<String, String>>>,
    /// Requests to Entra.
    pub(crate) exchanges: RefCell<Vec<Request<Bytes>>>,
    pub(crate) tokens: RefCell<VecDeque<Reply>>,
    /// Requests to the app and to downstream APIs.
    pub(crate) arrived: RefCell<Vec<Arrived>>,
    upstream: RefCell<Upstream>,
    /// Whether upstreams answer before they have read the request's body.
    pub(crate) answers_early: Cell<bool>,
    pub(crate) store: RefCell<BTreeMap<String, Vec<u8>>>,
    pub(crate) log: RefCell<Vec<String>>,
    random: Cell<u64>,
}

/// The script, as the core sees it. Natively the core needs a host that can be sent to other threads; this one never is.
#[derive(Clone)]
pub(crate) struct ScriptedHost(SendWrapper<Rc<Script>>);

/// A world in which everything is right. Tests break one thing.
pub(crate) struct World {
    pub(crate) script: Rc<Script>,
    pub(crate) instance: Rc<Instance>,
}

impl World {
    pub(crate) fn new() -> Self {
        let graph =
            format!("graph = {GRAPH}/v1.0 https://graph.microsoft.com/User.Read https://graph.microsoft.com/Mail.Read");
        let variables = BTreeMap::from([
            ("tenant_id", TENANT),
            ("client_id", CLIENT),
            ("client_secret", SECRET),
            ("authority_host", AUTHORITY),
            ("required_scope", "user_impersonation"),
            ("allowed_clients", ""),
            ("token_store_slots", "64"),
            ("downstream_apis", graph.as_str()),
            ("upstream", APP),
            ("public_paths", "/health /static/*"),
            ("forward_authorization", "on"),
        ]);
        let script = Script {
            time: VirtualTime::from(NOW),
            variables: RefCell::new(variables.into_iter().map(|(name, value)| (name, Ok(value.to_owned()))).collect()),
            exchanges: RefCell::default(),
            tokens: RefCell::default(),
            arrived: RefCell::default(),
            upstream: RefCell::new(Box::new(|_| Reply::new(200, "hello"))),
            answers_early: Cell::default(),
            store: RefCell::default(),
            log: RefCell::default(),
            random: Cell::new(1),
        };
        Self { script: Rc::new(script), instance: Rc::default() }
    }

    pub(crate) fn set(&self, name: &'static str, value: &str) -> &Self {
        self.script.variables.borrow_mut().insert(name, Ok(value.to_owned()));
        self
    }

    /// What the app and downstream APIs answer.
    pub(crate) fn upstream(&self, upstream: impl FnMut(&Arrived) -> Reply + 'static) -> &Self {
        *self.script.upstream.borrow_mut() = Box::new(upstream);
        self
    }

    pub(crate) fn ask(&self, asked: Asked) -> Answered {
        self.all(vec![asked]).remove(0)
    }

    /// All of them at the same time.
    pub(crate) fn all(&self, asked: Vec<Asked>) -> Vec<Answered> {
        let answering = asked.into_iter().map(|Asked { method, target, headers, content }| {
            let (host, instance) = (ScriptedHost(SendWrapper::new(Rc::clone(&self.script))), Rc::clone(&self.instance));
            let is_within = headers.get_all("spin-client-addr").iter().next_back().is_some_and(|it| it == "0.0.0.0:0");
            let authority = if is_within { SIDECAR } else { HOST };
            let head = RequestHead { method, authority: Some(authority.to_owned()), target, headers };
            let body = ScriptedBody::new(&host, content);
            async move { Answered::read(answer(&instance, &host, head, body).await, &host).await }.boxed_local()
        });
        self.script.time.run(answering.collect())
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.script.arrived.borrow().clone()
    }

    /// The one request that arrived.
    #[track_caller]
    pub(crate) fn only(&self) -> Arrived {
        let arrived = self.arrived();
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        arrived[0].clone()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.script.time.elapsed()
    }

    /// The fields of all token requests so far.
    pub(crate) fn forms(&self) -> Vec<BTreeMap<String, String>> {
        let exchanges = self.script.exchanges.borrow();
        exchanges.iter().map(|request| form_urlencoded::parse(request.body()).into_owned().collect()).collect()
    }

    /// Another instance on the same host.
    pub(crate) fn another_instance(&self) -> Self {
        Self { script: Rc::clone(&self.script), instance: Rc::default() }
    }
}

impl Script {
    /// Entra, in whose place a test may put other answers of the token endpoint.
    fn entra(&self, request: &Request<Bytes>) -> Reply {
        let path = request.uri().path();
        let tenant = path.split('/').nth(1).unwrap();
        if path.ends_with("/.well-known/openid-configuration") {
            let (issuer, keys) =
                (format!("{AUTHORITY}/{tenant}/v2.0"), format!("{AUTHORITY}/{tenant}/discovery/v2.0/keys"));
            return Reply::json(200, &json!({"issuer": issuer, "jwks_uri": keys}));
        }
        if path.ends_with("/discovery/v2.0/keys") {
            return Reply::json(200, &caller_tokens::key_set());
        }
        assert!(path.ends_with("/oauth2/v2.0/token"), "nobody should call {path}");
        self.exchanges.borrow_mut().push(request.clone());
        let right = format!("token-{}", self.exchanges.borrow().len());
        let right = || Reply::json(200, &json!({"token_type": "Bearer", "access_token": right, "expires_in": 3600}));
        self.tokens.borrow_mut().pop_front().unwrap_or_else(right)
    }
}

impl Host for ScriptedHost {
    type Body = ScriptedBody;

    fn now(&self) -> UnixTime {
        UnixTime(self.0.time.now.get())
    }

    fn elapsed(&self) -> Duration {
        self.0.time.elapsed()
    }

    fn random(&self) -> [u8; 16] {
        let next = self.0.random.get() + 1;
        self.0.random.set(next);
        u128::from(next).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_0c1d_2b3a_4957).to_be_bytes()
    }

    async fn variable(&self, name: &str) -> Result<String, VariableUnavailable> {
        let value = self.0.variables.borrow().get(name).cloned();
        match value {
            Some(value) => value.map_err(VariableUnavailable::Unreadable),
            None => Err(VariableUnavailable::Undefined("not in the manifest".to_owned())),
        }
    }

    async fn send(&self, request: &Request<Bytes>, _limit: Duration) -> Result<Response<ScriptedBody>, SendFault> {
        let reply = self.0.entra(request);
        self.give(reply).await
    }

    async fn sleep(&self, duration: Duration) {
        SendWrapper::new(self.0.time.sleep(duration)).await;
    }

    async fn read_store(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        Ok(self.0.store.borrow().get(key).cloned())
    }

    async fn write_store(&self, key: &str, entry: &[u8]) -> Result<(), StoreFault> {
        self.0.store.borrow_mut().insert(key.to_owned(), entry.to_vec());
        Ok(())
    }

    fn spawn(&self, task: impl Future<Output = ()> + MaybeSend + 'static) {
        self.0.time.spawn(task);
    }

    fn log(&self, line: &str) {
        self.0.log.borrow_mut().push(line.to_owned());
    }
}

impl Forward for ScriptedHost {
    async fn forward<B: UpstreamBody>(
        &self,
        request: Request<Body<B>>,
        _limits: ForwardLimits,
    ) -> Result<Response<ScriptedBody>, SendFault> {
        let (head, body) = request.into_parts();
        let mut arrived = Arrived {
            method: head.method,
            uri: head.uri.to_string(),
            headers: head.headers,
            pieces: Vec::new(),
            trailers: None,
            is_whole: true,
        };
        let place = self.0.arrived.borrow().len();
        self.0.arrived.borrow_mut().push(arrived.clone());
        match body {
            _ if self.0.answers_early.get() => arrived.is_whole = false,
            Body::Whole(bytes) => arrived.pieces.push(bytes),
            Body::Streamed(begun, mut rest, ()) => {
                arrived.pieces.push(begun);
                while let Some(piece) = rest.next().await {
                    match piece {
                        Ok(piece) => arrived.pieces.push(piece),
                        Err(fault) => {
                            arrived.is_whole = false;
                            self.0.arrived.borrow_mut()[place] = arrived;
                            return Err(fault);
                        }
                    }
                }
                arrived.trailers = rest.trailers();
            }
        }
        self.0.arrived.borrow_mut()[place] = arrived.clone();
        let reply = (self.0.upstream.borrow_mut())(&arrived);
        self.give(reply).await
    }
}

impl ScriptedHost {
    async fn give(&self, reply: Reply) -> Result<Response<ScriptedBody>, SendFault> {
        self.sleep(reply.delay).await;
        if let Some(fault) = reply.fault {
            return Err(fault);
        }
        let mut response =
            Response::builder().status(reply.status).body(ScriptedBody::new(self, reply.content)).unwrap();
        *response.headers_mut() = reply.headers;
        Ok(response)
    }
}

/// A body in pieces.
pub(crate) struct ScriptedBody {
    content: Content,
    host: ScriptedHost,
    /// When the next piece arrives, if anyone has waited for it yet.
    next_at: Option<Duration>,
}

impl ScriptedBody {
    fn new(host: &ScriptedHost, mut content: Content) -> Self {
        content.pieces.reverse();
        Self { content, host: host.clone(), next_at: None }
    }
}

impl UpstreamBody for ScriptedBody {
    async fn next(&mut self) -> Option<Result<Bytes, SendFault>> {
        let now = self.host.elapsed();
        let next_at = *self.next_at.get_or_insert(now + self.content.pause);
        if now < next_at {
            self.host.sleep(next_at - now).await;
        }
        self.next_at = None;
        match self.content.pieces.pop() {
            Some(piece) => Some(Ok(piece)),
            None if self.content.is_cut => Some(Err(SendFault::Broken("reset".to_owned()))),
            None => None,
        }
    }

    fn trailers(&mut self) -> Option<HeaderMap> {
        self.content.trailers.take()
    }
}
