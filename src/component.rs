//! The one file that knows Spin: the entry point, and the [`Host`] that the core is given here. It decides nothing.

use std::{
    cell::{Cell, RefCell},
    io::Write,
    rc::Rc,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use spin_sdk::{
    key_value::Store,
    time, variables,
    wasip3::{
        clocks::{monotonic_clock, system_clock},
        exports::http::handler::Guest,
        http::{
            client,
            types::{self, ErrorCode, Fields, Method, RequestOptions, Scheme, Trailers},
        },
        random::random::get_random_bytes,
        wit_future, wit_stream,
    },
    wit_bindgen::{self, FutureReader, FutureWriter, StreamReader, StreamResult, StreamWriter},
};

use crate::{
    api::{self, RequestHead},
    deadline::within,
    event_log,
    host::{Host, SendFault, StoreFault, UnixTime, UpstreamBody, VariableUnavailable},
    instance::Instance,
    response::{self, Body},
    upstream::call,
};

/// How often the host is let go on before a message is handed to it. The body's first piece is then written already, and
/// Spin sends it in one packet with the head; otherwise it follows alone, and waits 40 ms for the other side to
/// acknowledge the head.
const YIELDS_BEFORE_SENDING: usize = 2;

/// How often the host is let go on before an instance stops taking requests.
///
/// A host starts no request in an instance with backpressure, and drops the instance when the last one has ended. A request
/// that it has accepted before and not started yet would wait for ever. A task that has yielded goes on only when the host
/// has nothing else to do, so by then each accepted request has started. A yield in vain, because another event of the
/// same task was ready, happens less often than this: a task waits for fewer things.
const YIELDS_BEFORE_RETIRING: usize = 32;

/// A streamed answer ends after this time and this many bytes, whatever is still to come: its upstream connection is
/// held all the while. Graph's largest photos have 4 MB.
const STREAM_TIMEOUT: Duration = Duration::from_secs(120);
const MAX_STREAM_BYTES: usize = 64 * 1024 * 1024;

/// A reader that takes nothing for this long has stalled. What it holds is needed by others.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of a body is read at once.
const READ_BYTES: usize = 16 * 1024;

/// How many random bytes are asked of the host at once: enough for some requests, since each call of the host costs more
/// than the bytes.
const RANDOM_BYTES: u64 = 512;

thread_local! {
    static INSTANCE: Rc<Instance> = Rc::default();
    static STORE: RefCell<Option<Rc<Store>>> = const { RefCell::new(None) };
    static LAST_OPTIONS: RefCell<Option<(RequestOptions, Duration, bool)>> = const { RefCell::new(None) };
    static KEEPS_LIMITS: Cell<bool> = const { Cell::new(false) };
}

spin_sdk::wasip3::http::service::export!(Component);

/// The component's export. It and all that follows use WASI's own types: `#[http_service]` and the SDK's conversions
/// answer a request that they cannot convert (two `Content-Length` headers, say) by an empty 500, and call the host
/// twice as often.
struct Component;

impl Guest for Component {
    async fn handle(request: types::Request) -> Result<types::Response, ErrorCode> {
        let head = head_of(&request);
        drop(request);
        let is_head = head.method == http::Method::HEAD;
        let instance = INSTANCE.with(Rc::clone);
        let response = api::answer(&instance, &Spin, &head).await;
        let answer = into_wasi(response, is_head).or_else(|error| {
            // Spin made its own answer of an error: an empty one.
            let cause = format!("the host refused the response, and an empty one went out instead: {error}");
            event_log::error(&Spin, "answer", cause);
            into_wasi(response::empty(StatusCode::BAD_GATEWAY), is_head).map_err(|_| ErrorCode::InternalError(None))
        })?;
        let_body_begin().await;
        Ok(answer)
    }
}

/// Takes what is looked at out of a request.
fn head_of(request: &types::Request) -> RequestHead {
    let headers = copy(&request.get_headers(), &api::HEADERS_READ);
    let method = match request.get_method() {
        Method::Get => http::Method::GET,
        Method::Head => http::Method::HEAD,
        Method::Options => http::Method::OPTIONS,
        // Whichever it is, it is not served.
        _ => http::Method::POST,
    };
    RequestHead { method, target: request.get_path_with_query().unwrap_or_default(), headers }
}

fn into_wasi(response: Response<Body<IncomingBody>>, is_head: bool) -> Result<types::Response, types::HeaderError> {
    let (head, body) = response.into_parts();
    let fields = fields_of(&head.headers)?;
    let body = match body {
        _ if is_head => None,
        Body::Whole(bytes) if bytes.is_empty() => None,
        body => Some(body),
    };
    let unless_said = match body {
        Some(Body::Streamed(..)) => is_cut,
        _ => is_whole,
    };
    let (outgoing, contents, end) = OutgoingBody::new(body.is_none(), unless_said);
    let (answer, _sent) = types::Response::new(fields, contents, end);
    // It is 200 to begin with, and no other answer is as frequent.
    if head.status != StatusCode::OK {
        let _ = answer.set_status_code(head.status.as_u16());
    }
    match body {
        None => {}
        Some(Body::Whole(bytes)) => wit_bindgen::spawn(outgoing.write(bytes)),
        Some(Body::Streamed(begun, rest, permit)) => wit_bindgen::spawn(async move {
            outgoing.stream(begun, rest).await;
            drop(permit);
        }),
    }
    Ok(answer)
}

/// Those headers of a message that are looked at, and that a Rust program can hold.
fn copy(fields: &Fields, looked_at: &[HeaderName]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.copy_all() {
        let known = looked_at.iter().find(|known| known.as_str().eq_ignore_ascii_case(&name));
        if let (Some(name), Ok(value)) = (known, HeaderValue::try_from(value)) {
            // Fails only beyond 32768 headers.
            let _ = headers.try_append(name, value);
        }
    }
    headers
}

fn fields_of(headers: &HeaderMap) -> Result<Fields, types::HeaderError> {
    let entries: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
    Fields::from_list(&entries)
}

/// See [`YIELDS_BEFORE_SENDING`].
async fn let_body_begin() {
    for _ in 0..YIELDS_BEFORE_SENDING {
        wit_bindgen::yield_async().await;
    }
}

/// The writing end of a message's body.
struct OutgoingBody {
    contents: Option<StreamWriter<u8>>,
    end: FutureWriter<BodyEnd>,
}

/// Trailers, of which there are none here, or why a body broke off.
type BodyEnd = Result<Option<Trailers>, ErrorCode>;

fn is_whole() -> BodyEnd {
    Ok(None)
}

fn is_cut() -> BodyEnd {
    Err(ErrorCode::InternalError(None))
}

impl OutgoingBody {
    /// A body, and the ends that the host reads. `unless_said` is how it ends if nobody says it.
    fn new(is_empty: bool, unless_said: fn() -> BodyEnd) -> (Self, Option<StreamReader<u8>>, FutureReader<BodyEnd>) {
        let (end, end_reader) = wit_future::new(unless_said);
        let (contents, contents_reader) = (!is_empty).then(wit_stream::new).unzip();
        (Self { contents, end }, contents_reader, end_reader)
    }

    /// Writes `bytes`; nobody minds if they are no longer wanted.
    async fn write(self, bytes: Bytes) {
        let Self { contents: Some(mut contents), .. } = self else { return };
        // What fits into the host's own buffers is taken at once, and a timer costs as much as verifying a signature.
        if bytes.len() <= READ_BYTES {
            contents.write_all(bytes.into()).await;
        } else {
            let _ = within(&Spin, STREAM_TIMEOUT, contents.write_all(bytes.into())).await;
        }
    }

    /// Writes `begun` and what follows. It ends in an error, so that what was sent is known to be cut, where it goes on
    /// for too long.
    async fn stream(self, begun: Bytes, mut rest: IncomingBody) {
        let Self { contents: Some(mut contents), end } = self else { return };
        let copying = async {
            let mut allowance = MAX_STREAM_BYTES;
            let mut next = Some(Ok(begun));
            while let Some(piece) = next {
                let piece = piece?;
                allowance = allowance.checked_sub(piece.len()).ok_or(ErrorCode::HttpResponseBodySize(None))?;
                let written = within(&Spin, STALL_TIMEOUT, contents.write_all(piece.into())).await;
                if !written.map_err(|_| ErrorCode::HttpResponseTimeout)?.is_empty() {
                    break;
                }
                next = rest.read().await;
            }
            Ok(None)
        };
        let copied = within(&Spin, STREAM_TIMEOUT, copying).await.unwrap_or(Err(ErrorCode::HttpResponseTimeout));
        // Before the contents end.
        let _ = end.write(copied).await;
    }
}

/// The body of an upstream's response.
struct IncomingBody {
    contents: StreamReader<u8>,
    /// Until the contents have ended.
    end: Option<FutureReader<BodyEnd>>,
    /// Says that the body was taken, when it is dropped.
    _taken: FutureWriter<Result<(), ErrorCode>>,
}

impl IncomingBody {
    fn new(response: types::Response) -> Self {
        let (taken, taken_reader) = wit_future::new(|| Ok(()));
        let (contents, end) = types::Response::consume_body(response, taken_reader);
        Self { contents, end: Some(end), _taken: taken }
    }

    async fn read(&mut self) -> Option<Result<Bytes, ErrorCode>> {
        let (result, piece) = self.contents.read(Vec::with_capacity(READ_BYTES)).await;
        match result {
            StreamResult::Complete(_) => Some(Ok(piece.into())),
            StreamResult::Dropped | StreamResult::Cancelled => match self.end.take()?.await {
                Ok(_trailers) => None,
                Err(code) => Some(Err(code)),
            },
        }
    }
}

impl UpstreamBody for IncomingBody {
    async fn next(&mut self) -> Option<Result<Bytes, SendFault>> {
        Some(self.read().await?.map_err(fault_of))
    }
}

/// Spin.
#[derive(Debug, Clone, Copy)]
struct Spin;

impl Host for Spin {
    type Body = IncomingBody;

    fn now(&self) -> UnixTime {
        UnixTime(system_clock::now().seconds.try_into().unwrap_or_default())
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    fn random(&self) -> [u8; 16] {
        thread_local! {
            static UNUSED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        UNUSED.with_borrow_mut(|unused| {
            // A host may give fewer bytes than were asked for, but not none.
            while unused.len() < 16 {
                unused.extend(get_random_bytes(RANDOM_BYTES));
            }
            let at = unused.len().saturating_sub(16);
            let mut bytes = [0; 16];
            unused.drain(at..).zip(&mut bytes).for_each(|(random, byte)| *byte = random);
            bytes
        })
    }

    async fn variable(&self, name: &str) -> Result<String, VariableUnavailable> {
        variables::get(name).await.map_err(|error| {
            VariableUnavailable(match error {
                variables::Error::Provider(words) | variables::Error::Other(words) => words,
                variables::Error::Undefined(_) => "spin.toml does not give it to the component".to_owned(),
                variables::Error::InvalidName(_) => "its name is not valid".to_owned(),
            })
        })
    }

    async fn send(&self, request: &Request<Bytes>, limit: Duration) -> Result<Response<Self::Body>, SendFault> {
        let (options, is_limited) = options(limit);
        let request = outgoing(request, options).await.map_err(SendFault::Broken)?;
        let response = client::send(request).await.map_err(fault_of)?;
        // Spin's limits begin when it connects. Before it does so for the first time in an instance it resolves the
        // application's variables, which may take a vault's time.
        KEEPS_LIMITS.set(is_limited);
        incoming(response)
    }

    fn keeps_limits(&self) -> bool {
        KEEPS_LIMITS.get()
    }

    async fn sleep(&self, duration: Duration) {
        time::sleep(duration).await;
    }

    async fn read_store(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        store().await?.get(key).await.map_err(store_fault)
    }

    async fn write_store(&self, key: &str, value: &[u8]) -> Result<(), StoreFault> {
        store().await?.set(key, value).await.map_err(store_fault)
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        wit_bindgen::spawn(task);
    }

    fn retire(&self) {
        thread_local! {
            static RETIRED: Cell<bool> = const { Cell::new(false) };
        }
        if RETIRED.replace(true) {
            return;
        }
        wit_bindgen::spawn(async {
            for _ in 0..YIELDS_BEFORE_RETIRING {
                wit_bindgen::yield_async().await;
            }
            wit_bindgen::backpressure_inc();
        });
    }

    fn log(&self, line: &str) {
        let line = format!("{line}\n");
        // One write, so that lines of other instances cannot come between.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

/// Options that hold `limit`, and whether the host heeds them. Most calls have the same limit, and a copy is one call of
/// the host where new options are four.
fn options(limit: Duration) -> (RequestOptions, bool) {
    LAST_OPTIONS.with_borrow_mut(|last| match last {
        Some((options, last_limit, is_limited)) if *last_limit == limit => (options.clone(), *is_limited),
        last => {
            let options = RequestOptions::new();
            let nanoseconds = limit.as_nanos().try_into().ok();
            // Spin counts connecting within the wait for the head too.
            let heeded = options
                .set_connect_timeout(nanoseconds)
                .and_then(|()| options.set_first_byte_timeout(nanoseconds))
                .and_then(|()| options.set_between_bytes_timeout(nanoseconds));
            let (options, _, is_limited) = last.insert((options, limit, heeded.is_ok()));
            (options.clone(), *is_limited)
        }
    })
}

/// A request of ours.
///
/// # Errors
/// In words for the log, where it is none that WASI allows.
async fn outgoing(request: &Request<Bytes>, options: RequestOptions) -> Result<types::Request, String> {
    let (uri, body) = (request.uri(), request.body().clone());
    let fields = fields_of(request.headers()).map_err(|error| error.to_string())?;
    let (outgoing_body, contents, end) = OutgoingBody::new(body.is_empty(), is_whole);
    let (wasi, _sent) = types::Request::new(fields, contents, end, Some(options));
    // It is GET to begin with.
    let method = match *request.method() {
        http::Method::GET => None,
        http::Method::POST => Some(Method::Post),
        ref other => Some(Method::Other(other.to_string())),
    };
    let scheme = match uri.scheme_str() {
        Some("http") => Scheme::Http,
        _ => Scheme::Https,
    };
    let set = || {
        method.iter().try_for_each(|method| wasi.set_method(method))?;
        wasi.set_scheme(Some(&scheme))?;
        wasi.set_authority(uri.authority().map(|authority| authority.as_str()))?;
        wasi.set_path_with_query(uri.path_and_query().map(|path| path.as_str()))
    };
    set().map_err(|()| format!("{uri} is no address that the host takes"))?;
    if !body.is_empty() {
        wit_bindgen::spawn(outgoing_body.write(body));
        let_body_begin().await;
    }
    Ok(wasi)
}

/// An upstream's answer.
fn incoming(response: types::Response) -> Result<Response<IncomingBody>, SendFault> {
    let status =
        StatusCode::from_u16(response.get_status_code()).map_err(|error| SendFault::Broken(error.to_string()))?;
    let headers = copy(&response.get_headers(), &call::HEADERS_READ);
    let mut answer = Response::new(IncomingBody::new(response));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    Ok(answer)
}

fn fault_of(code: ErrorCode) -> SendFault {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => SendFault::Denied,
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::DnsTimeout
        | ErrorCode::HttpResponseTimeout => SendFault::TimedOut,
        other => SendFault::Broken(other.to_string()),
    }
}

/// The open store: opening it costs as much as a reading.
async fn store() -> Result<Rc<Store>, StoreFault> {
    if let Some(store) = STORE.with_borrow(Option::clone) {
        return Ok(store);
    }
    let store = Rc::new(Store::open_default().await.map_err(store_fault)?);
    STORE.set(Some(Rc::clone(&store)));
    Ok(store)
}

fn store_fault(error: spin_sdk::key_value::Error) -> StoreFault {
    STORE.set(None);
    StoreFault(error.to_string())
}
