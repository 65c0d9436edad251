//! A [`Host`] whose clock, network, store and log belong to the test.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    time::Duration,
};

use bytes::Bytes;
use entra_obo::{
    host::{FileFault, Host, MaybeSend, SendFault, StoreFault, UnixTime, UpstreamBody, VariableUnavailable},
    toolkit,
};
use futures::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use profile_get::{Instance, RequestHead, answer};
use send_wrapper::SendWrapper;
use serde_json::{Value, json};

use crate::{answered::Answered, caller_tokens, virtual_time::VirtualTime};

pub(crate) const TENANT: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const OTHER_TENANT: &str = "11111111-1111-4111-8111-111111111112";
pub(crate) const CLIENT: &str = "22222222-2222-4222-8222-222222222222";
pub(crate) const PERSON: &str = "33333333-3333-4333-8333-333333333333";
pub(crate) const APPLICATION: &str = "44444444-4444-4444-8444-444444444444";
pub(crate) const AUTHORITY: &str = "https://login.example";
pub(crate) const GRAPH: &str = "https://graph.example";
pub(crate) const SECRET: &str = "client-secret-value";
pub(crate) const TOKEN_FILE: &str = "/tokens/azure-identity-token";
pub(crate) const IDENTITY_ENDPOINT: &str = "http://169.254.169.254";
pub(crate) const NOW: u64 = 1_800_000_000;

/// A response of an upstream.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) pieces: Vec<Bytes>,
    pub(crate) delay: Duration,
    pub(crate) fault: Option<SendFault>,
    /// Before each piece.
    pub(crate) pause: Duration,
    /// Whether the body ends in a fault.
    pub(crate) is_cut: bool,
    /// Whether the body continues forever in empty pieces, each of which restarts the host's limit and is not passed
    /// on.
    pub(crate) is_endless: bool,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, body.to_string()).header("content-type", "application/json")
    }

    pub(crate) fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            pieces: vec![body.into()],
            delay: Duration::ZERO,
            fault: None,
            pause: Duration::ZERO,
            is_cut: false,
            is_endless: false,
        }
    }

    pub(crate) fn cut(self) -> Self {
        Self { is_cut: true, ..self }
    }

    pub(crate) fn endless(self) -> Self {
        Self { is_endless: true, ..self }
    }

    pub(crate) fn fault(fault: SendFault) -> Self {
        Self { fault: Some(fault), ..Self::new(200, "") }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, HeaderValue::from_str(value).unwrap());
        self
    }

    /// In this many pieces, with a pause before each.
    pub(crate) fn dripping(mut self, pieces: usize, pause: Duration) -> Self {
        let whole = self.pieces.concat();
        self.pieces = whole.chunks(whole.len().div_ceil(pieces)).map(|piece| piece.to_vec().into()).collect();
        Self { pause, ..self }
    }

    pub(crate) fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

type Upstream = Box<dyn FnMut(&Request<Bytes>) -> Reply>;

/// What a test sets and inspects.
pub(crate) struct Script {
    pub(crate) time: Rc<VirtualTime>,
    pub(crate) variables: RefCell<BTreeMap<&'static str, Result<String, String>>>,
    pub(crate) variable_reads: RefCell<Vec<String>>,
    pub(crate) variable_delay: Cell<Duration>,
    /// What the file of the federated token holds, one reading after the other; the last lasts.
    pub(crate) file: RefCell<VecDeque<Result<Vec<u8>, FileFault>>>,
    pub(crate) file_reads: Cell<usize>,
    pub(crate) file_delay: Cell<Duration>,
    pub(crate) requests: RefCell<Vec<Request<Bytes>>>,
    scripted: RefCell<BTreeMap<&'static str, VecDeque<Reply>>>,
    upstream: RefCell<Upstream>,
    pub(crate) store: RefCell<BTreeMap<String, Vec<u8>>>,
    pub(crate) store_fault: Cell<Option<Duration>>,
    /// How long the host takes before it begins to send; no limit given to it covers that.
    pub(crate) before_sending: Cell<Duration>,
    pub(crate) log: RefCell<Vec<String>>,
    random: Cell<u64>,
}

/// The script, as the core sees it. Natively the core needs a host that can be sent to other threads; this one never is.
#[derive(Clone)]
pub(crate) struct ScriptedHost(SendWrapper<Rc<Script>>);

/// A world in which everything works: keys, an exchange, a profile. Tests break one thing.
pub(crate) struct World {
    pub(crate) script: Rc<Script>,
    pub(crate) instance: Rc<Instance>,
}

impl World {
    pub(crate) fn new() -> Self {
        let variables = BTreeMap::from([
            ("tenant_id", TENANT),
            ("client_id", CLIENT),
            ("client_credential", "clientsecret"),
            ("client_secret", SECRET),
            ("federated_token_file", TOKEN_FILE),
            ("identity_endpoint", IDENTITY_ENDPOINT),
            ("identity_header", ""),
            ("identity_client_id", ""),
            ("application_id_uris", ""),
            ("authority_host", AUTHORITY),
            ("graph_url", GRAPH),
            ("required_scope", "user_impersonation"),
            ("graph_scopes", "https://graph.microsoft.com/User.Read"),
            ("allowed_tenants", ""),
            ("allowed_clients", ""),
            ("allowed_origins", ""),
            ("request_timeout", "20"),
            ("token_store_slots", "64"),
            ("server_timing", "off"),
        ]);
        let script = Script {
            time: VirtualTime::from(NOW),
            variables: RefCell::new(variables.into_iter().map(|(name, value)| (name, Ok(value.to_owned()))).collect()),
            variable_reads: RefCell::default(),
            variable_delay: Cell::default(),
            file: RefCell::default(),
            file_reads: Cell::default(),
            file_delay: Cell::default(),
            requests: RefCell::default(),
            scripted: RefCell::default(),
            upstream: RefCell::new(Box::new(working_upstreams())),
            store: RefCell::default(),
            store_fault: Cell::default(),
            before_sending: Cell::default(),
            log: RefCell::default(),
            random: Cell::new(1),
        };
        Self { script: Rc::new(script), instance: Rc::default() }
    }

    /// Another instance on the same host. Its memory is empty.
    pub(crate) fn another_instance(&self) -> Self {
        Self { script: Rc::clone(&self.script), instance: Rc::default() }
    }

    /// Makes the provider of this variable fail.
    pub(crate) fn unset(&self, name: &'static str) -> &Self {
        self.script.variables.borrow_mut().insert(name, Err("no provider has it".to_owned()));
        self
    }

    pub(crate) fn set(&self, name: &'static str, value: &str) -> &Self {
        self.script.variables.borrow_mut().insert(name, Ok(value.to_owned()));
        self
    }

    /// The next responses of an endpoint, before it works again: `metadata`, `metadata-v1`, `keys`, `keys-v1`, `token`,
    /// `me`, `photo` or `identity`.
    pub(crate) fn next(&self, endpoint: &'static str, replies: impl IntoIterator<Item = Reply>) -> &Self {
        self.script.scripted.borrow_mut().entry(endpoint).or_default().extend(replies);
        self
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.script.time.pass(Duration::from_secs(seconds));
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.script.time.elapsed()
    }

    /// How often an endpoint was called.
    pub(crate) fn calls(&self, endpoint: &str) -> usize {
        self.script.requests.borrow().iter().filter(|request| endpoint_of(request) == endpoint).count()
    }

    pub(crate) fn last(&self, endpoint: &str) -> Request<Bytes> {
        let requests = self.script.requests.borrow();
        requests.iter().rev().find(|request| endpoint_of(request) == endpoint).unwrap().clone()
    }

    pub(crate) fn form(&self) -> BTreeMap<String, String> {
        form_urlencoded::parse(self.last("token").body()).into_owned().collect()
    }

    /// The profile for a token.
    pub(crate) fn get(&self, token: &str) -> Answered {
        self.ask("/api/profile-get", &[("authorization", &format!("Bearer {token}"))])
    }

    pub(crate) fn ask(&self, target: &str, headers: &[(&'static str, &str)]) -> Answered {
        self.request(Method::GET, target, headers)
    }

    pub(crate) fn request(&self, method: Method, target: &str, headers: &[(&'static str, &str)]) -> Answered {
        self.all(vec![request_head(method, target, headers)]).remove(0)
    }

    /// The responses to all of them, at the same time.
    pub(crate) fn all(&self, requests: Vec<RequestHead>) -> Vec<Answered> {
        self.all_apart(requests, Duration::ZERO)
    }

    /// The responses to all of them, each sent so much later than the one before.
    pub(crate) fn all_apart(&self, requests: Vec<RequestHead>, pause: Duration) -> Vec<Answered> {
        let of_this = requests.into_iter().map(|request| (Rc::clone(&self.instance), request)).collect();
        self.all_of(of_this, pause)
    }

    /// One after the other, each in an instance of its own.
    pub(crate) fn in_instances_of_their_own(&self, requests: Vec<RequestHead>, pause: Duration) -> Vec<Answered> {
        self.all_of(requests.into_iter().map(|request| (Rc::default(), request)).collect(), pause)
    }

    fn all_of(&self, requests: Vec<(Rc<Instance>, RequestHead)>, pause: Duration) -> Vec<Answered> {
        let answering = requests.into_iter().zip(0_u32..).map(|((instance, request), index)| {
            let host = ScriptedHost(SendWrapper::new(Rc::clone(&self.script)));
            async move {
                if index > 0 && !pause.is_zero() {
                    host.sleep(pause * index).await;
                }
                let response = answer(&instance, &host, &request).await;
                Answered::read(response, &host).await
            }
            .boxed_local()
        });
        self.script.time.run(answering.collect())
    }
}

pub(crate) fn request_head(method: Method, target: &str, headers: &[(&'static str, &str)]) -> RequestHead {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let authority = map.remove("host").map(|host| host.to_str().unwrap().to_owned());
    RequestHead { method, authority, target: target.to_owned(), headers: passed_on(map, &profile_get::HEADERS_READ) }
}

/// The headers of a message that Spin passes on.
fn passed_on(headers: HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let mut given = HeaderMap::new();
    for (name, value) in &headers {
        if names.contains(name) {
            given.append(name, value.clone());
        }
    }
    given
}

pub(crate) fn endpoint_of(request: &Request<Bytes>) -> &'static str {
    let uri = request.uri().to_string();
    if uri.starts_with(IDENTITY_ENDPOINT) {
        return "identity";
    }
    let path = uri.trim_start_matches(AUTHORITY).trim_start_matches(GRAPH);
    let path = path.split('?').next().unwrap();
    match path.trim_start_matches('/').split_once('/').map_or(path, |(_, rest)| rest) {
        "v2.0/.well-known/openid-configuration" => "metadata",
        ".well-known/openid-configuration" => "metadata-v1",
        "discovery/v2.0/keys" => "keys",
        "discovery/keys" => "keys-v1",
        "oauth2/v2.0/token" => "token",
        "me" => "me",
        "me/photo/$value" => "photo",
        other => panic!("unexpected call of {uri} ({other})"),
    }
}

/// Upstreams that respond as they should, with a new Graph token for each exchange.
fn working_upstreams() -> impl FnMut(&Request<Bytes>) -> Reply {
    let mut exchanges = 0;
    move |request| {
        let tenant = request.uri().path().split('/').nth(1).unwrap().to_owned();
        let issuer_tenant = if tenant.len() == 36 { tenant.clone() } else { "{tenantid}".to_owned() };
        match endpoint_of(request) {
            "metadata" => Reply::json(
                200,
                &json!({"issuer": format!("{AUTHORITY}/{issuer_tenant}/v2.0"),
                        "jwks_uri": format!("{AUTHORITY}/{tenant}/discovery/v2.0/keys")}),
            ),
            "metadata-v1" => Reply::json(
                200,
                &json!({"issuer": format!("https://sts.windows.net/{issuer_tenant}/"),
                        "jwks_uri": format!("{AUTHORITY}/{tenant}/discovery/keys")}),
            ),
            "keys" | "keys-v1" => Reply::json(200, &caller_tokens::key_set()),
            "token" => {
                exchanges += 1;
                Reply::json(
                    200,
                    &json!({"token_type": "Bearer", "access_token": format!("graph-token-{exchanges}"),
                            "expires_in": 3600, "scope": "User.Read"}),
                )
            }
            "me" => Reply::json(200, &json!({"displayName": "Ada"})).header("request-id", "graph-request"),
            "identity" => Reply::json(400, &json!({"error": "invalid_request"})),
            "photo" => Reply::new(200, "jpeg bytes").header("content-type", "image/jpeg").header("etag", "\"tag\""),
            _ => unreachable!(),
        }
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
        self.0.variable_reads.borrow_mut().push(name.to_owned());
        // No provider is asked for what `spin.toml` contains itself.
        if !["request_timeout", "token_store_slots", "server_timing"].contains(&name) {
            self.sleep(self.0.variable_delay.get()).await;
        }
        let value = self.0.variables.borrow().get(name).cloned();
        value.unwrap_or_else(|| Err("undefined".to_owned())).map_err(VariableUnavailable::Unreadable)
    }

    async fn send(&self, request: &Request<Bytes>, limit: Duration) -> Result<Response<ScriptedBody>, SendFault> {
        let endpoint = endpoint_of(request);
        let scripted = self.0.scripted.borrow_mut().get_mut(endpoint).and_then(VecDeque::pop_front);
        let right = (self.0.upstream.borrow_mut())(request);
        let reply = scripted.unwrap_or(right);
        self.0.requests.borrow_mut().push(request.clone());
        self.sleep(self.0.before_sending.get()).await;
        self.sleep(reply.delay.min(limit)).await;
        if reply.delay > limit {
            return Err(SendFault::TimedOut);
        }
        if let Some(fault) = reply.fault {
            return Err(fault);
        }
        let body = ScriptedBody {
            pieces: reply.pieces.into(),
            pause: reply.pause,
            is_cut: reply.is_cut,
            is_endless: reply.is_endless,
            limit,
            host: self.clone(),
        };
        let mut response = Response::builder().status(reply.status).body(body).unwrap();
        *response.headers_mut() = passed_on(reply.headers, &toolkit::RESPONSE_HEADERS_READ);
        Ok(response)
    }

    fn keeps_limits(&self) -> bool {
        self.0.before_sending.get().is_zero()
    }

    async fn sleep(&self, duration: Duration) {
        SendWrapper::new(self.0.time.sleep(duration)).await;
    }

    async fn read_file(&self, path: &str, limit: usize) -> Result<Vec<u8>, FileFault> {
        assert_eq!(path, TOKEN_FILE);
        self.0.file_reads.set(self.0.file_reads.get() + 1);
        self.sleep(self.0.file_delay.get()).await;
        let mut file = self.0.file.borrow_mut();
        let next = if file.len() > 1 { file.pop_front() } else { file.front().cloned() };
        Ok(next.unwrap_or(Err(FileFault::Missing))?.into_iter().take(limit).collect())
    }

    async fn read_store(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        if let Some(delay) = self.0.store_fault.get() {
            self.sleep(delay).await;
            return Err(StoreFault("broken pipe".to_owned()));
        }
        Ok(self.0.store.borrow().get(key).cloned())
    }

    async fn write_store(&self, key: &str, value: &[u8]) -> Result<(), StoreFault> {
        if let Some(delay) = self.0.store_fault.get() {
            self.sleep(delay).await;
            return Err(StoreFault("broken pipe".to_owned()));
        }
        self.0.store.borrow_mut().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn spawn(&self, task: impl Future<Output = ()> + MaybeSend + 'static) {
        self.0.time.spawn(task);
    }

    fn log(&self, line: &str) {
        self.0.log.borrow_mut().push(line.to_owned());
    }
}

/// A body in pieces.
pub(crate) struct ScriptedBody {
    pieces: VecDeque<Bytes>,
    pause: Duration,
    is_cut: bool,
    is_endless: bool,
    limit: Duration,
    host: ScriptedHost,
}

impl UpstreamBody for ScriptedBody {
    async fn next(&mut self) -> Option<Result<Bytes, SendFault>> {
        let Some(piece) = self.pieces.pop_front() else {
            if self.is_endless {
                return std::future::pending().await;
            }
            return std::mem::take(&mut self.is_cut).then(|| Err(SendFault::Broken("cut".to_owned())));
        };
        if !self.pause.is_zero() {
            self.host.sleep(self.pause.min(self.limit)).await;
        }
        if self.pause > self.limit {
            return Some(Err(SendFault::TimedOut));
        }
        Some(Ok(piece))
    }
}
