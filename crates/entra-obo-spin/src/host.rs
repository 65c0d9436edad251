//! Spin, as the core needs it.

use std::{
    cell::{Cell, RefCell},
    fs::File,
    io::{Read, Write},
    pin::Pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use entra_obo::{
    host::{
        FileFault, Forward, ForwardLimits, Host, MaybeSend, SendFault, StoreFault, UnixTime, UpstreamBody,
        VariableUnavailable,
    },
    toolkit::{Body, RESPONSE_HEADERS_READ},
};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use spin_sdk::{
    key_value::{self, Store},
    time, variables,
    wasip3::{
        clocks::{monotonic_clock, system_clock},
        http::{
            client,
            types::{self, ErrorCode, Fields, Method, RequestOptions, Scheme},
        },
        random::random::get_random_bytes,
    },
    wit_bindgen,
};

use crate::{
    body::{
        BodyReaders, Contents, IncomingBody, OutgoingBody, Passing, StreamLimits, all_trailers, is_cut, is_whole,
        next_in_time,
    },
    fault::fault_of,
    handover::{Handover, let_bodies_be_read},
    headers::{copy, copy_all, fields_of},
    scheduling,
};

/// How often a task yields before its instance stops taking requests.
///
/// A host starts no request in an instance with backpressure, and drops the instance when the last one has ended. A
/// request that it has accepted but not started would then wait forever. A task that has yielded resumes only when the
/// host has nothing else to do, so by then each accepted request has started. A yield returns early if another event of
/// the same task is ready. That happens less often than this: a task waits for few things, and lets the host do some
/// dozens of turns before a handover.
const YIELDS_BEFORE_RETIRING: usize = 128;

/// How many random bytes are fetched at once: enough for several requests, because a call of the host costs more than
/// the bytes.
const RANDOM_BYTES: u64 = 512;

thread_local! {
    static STORE: RefCell<Option<Rc<Store>>> = const { RefCell::new(None) };
    static LAST_OPTIONS: RefCell<Option<(RequestOptions, Duration, bool)>> = const { RefCell::new(None) };
    static KEEPS_LIMITS: Cell<bool> = const { Cell::new(false) };
}

/// Spin, in a task of [`serve`](crate::serve) or [`serve_whole`](crate::serve_whole): what it spawns runs only there.
#[derive(Debug, Clone, Copy)]
pub struct Spin;

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
            // A host may return fewer bytes than requested, but not none.
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
        variables::get(name).await.map_err(|error| match error {
            variables::Error::Provider(words) | variables::Error::Other(words) => {
                VariableUnavailable::Unreadable(words)
            }
            variables::Error::Undefined(_) => {
                VariableUnavailable::Undefined("spin.toml does not give it to the component".to_owned())
            }
            variables::Error::InvalidName(_) => VariableUnavailable::Unreadable("its name is not valid".to_owned()),
        })
    }

    async fn send(&self, request: &Request<Bytes>, limit: Duration) -> Result<Response<IncomingBody>, SendFault> {
        let (options, is_limited) = options(limit);
        let bytes = request.body().clone();
        let (body, handover, readers) = OutgoingBody::new(Contents::of_whole(&bytes), is_whole);
        let wasi = wasi_request(request.method(), request.uri(), request.headers(), readers, Some(options))
            .map_err(SendFault::Broken)?;
        let response = sent(send(wasi, handover, Box::pin(body.write(bytes))).await, request.uri())?;
        // Spin's limits begin when it connects. Before an instance's first connection it resolves the application's
        // variables, which may take as long as a vault takes.
        KEEPS_LIMITS.set(is_limited);
        incoming(response, |fields| copy(fields, &RESPONSE_HEADERS_READ))
    }

    fn keeps_limits(&self) -> bool {
        KEEPS_LIMITS.get()
    }

    async fn sleep(&self, duration: Duration) {
        time::sleep(duration).await;
    }

    /// The folders under `files` in `spin.toml` are the only ones that a component sees.
    async fn read_file(&self, path: &str, limit: usize) -> Result<Vec<u8>, FileFault> {
        let mut bytes = Vec::new();
        File::open(path)?.take(limit.try_into().unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    async fn read_store(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        store().await?.get(key).await.map_err(store_fault)
    }

    async fn write_store(&self, key: &str, value: &[u8]) -> Result<(), StoreFault> {
        store().await?.set(key, value).await.map_err(store_fault)
    }

    fn spawn(&self, task: impl Future<Output = ()> + MaybeSend + 'static) {
        scheduling::spawn(task);
    }

    fn log(&self, line: &str) {
        let line = format!("{line}\n");
        // One write, so that lines of other instances cannot come between.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

/// A request that is passed on is cut off if its sender or its receiver makes no progress for this long. Whoever passes it
/// on sets stricter limits.
const UPLOAD: StreamLimits =
    StreamLimits { time: None, bytes: u64::MAX, idle: Duration::from_secs(600), stall: Duration::from_secs(600) };

impl Forward for Spin {
    async fn forward<B: UpstreamBody>(
        &self,
        request: Request<Body<B>>,
        limits: ForwardLimits,
    ) -> Result<Response<IncomingBody>, SendFault> {
        // Spin keeps no limits within an application, and each option is a call of the host.
        let is_within = request.uri().host().is_some_and(|host| host.ends_with(".spin.internal"));
        let options = (!is_within).then(|| forward_options(limits));
        let (head, body) = request.into_parts();
        let unless_said = if matches!(body, Body::Whole(_)) { is_whole } else { is_cut };
        let (outgoing_body, handover, readers) = OutgoingBody::new(Contents::of(&body), unless_said);
        let wasi = wasi_request(&head.method, &head.uri, &head.headers, readers, options).map_err(SendFault::Broken)?;
        let writing: Pin<Box<dyn Future<Output = ()>>> = match body {
            Body::Whole(bytes) => Box::pin(outgoing_body.write(bytes)),
            Body::Streamed(begun, rest, ()) => {
                let passing = Passing { limits: UPLOAD, next: next_in_time, trailers: all_trailers };
                Box::pin(outgoing_body.stream(begun, rest, passing))
            }
        };
        let response = send(wasi, handover, writing).await;
        incoming(sent(response, &head.uri)?, copy_all)
    }
}

/// What came of a call of this address.
fn sent<T>(outcome: Result<T, ErrorCode>, uri: &Uri) -> Result<T, SendFault> {
    thread_local! {
        static HAS_CALLED: Cell<bool> = const { Cell::new(false) };
    }
    if matches!(outcome, Err(ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited)) {
        // Spin made the list of allowed destinations before the first call, and keeps it. If it could not, no call of
        // this instance is allowed, but those of a later one may be.
        if !HAS_CALLED.get() {
            retire();
        }
        return Err(SendFault::denied(uri));
    }
    HAS_CALLED.set(true);
    outcome.map_err(fault_of)
}

/// Accepts no further requests in this instance; those in progress continue. The host starts another instance.
fn retire() {
    thread_local! {
        static RETIRED: Cell<bool> = const { Cell::new(false) };
    }
    if RETIRED.replace(true) {
        return;
    }
    scheduling::spawn(async {
        for _ in 0..YIELDS_BEFORE_RETIRING {
            scheduling::yield_now().await;
        }
        wit_bindgen::backpressure_inc();
    });
}

fn forward_options(limits: ForwardLimits) -> RequestOptions {
    let options = RequestOptions::new();
    let nanoseconds = |limit: Duration| limit.as_nanos().try_into().ok();
    let _ = options.set_connect_timeout(nanoseconds(limits.head));
    let _ = options.set_first_byte_timeout(nanoseconds(limits.head));
    let _ = options.set_between_bytes_timeout(nanoseconds(limits.idle));
    options
}

/// Options with `limit`, and whether the host applies them. Most calls have the same limit, and copying options is one
/// call of the host where making them is four.
fn options(limit: Duration) -> (RequestOptions, bool) {
    LAST_OPTIONS.with_borrow_mut(|last| match last {
        Some((options, last_limit, is_limited)) if *last_limit == limit => (options.clone(), *is_limited),
        last => {
            let options = RequestOptions::new();
            let nanoseconds = limit.as_nanos().try_into().ok();
            // Spin counts connecting as part of the wait for the head too.
            let applied = options
                .set_connect_timeout(nanoseconds)
                .and_then(|()| options.set_first_byte_timeout(nanoseconds))
                .and_then(|()| options.set_between_bytes_timeout(nanoseconds));
            let (options, _, is_limited) = last.insert((options, limit, applied.is_ok()));
            (options.clone(), *is_limited)
        }
    })
}

/// Sends a request whose body `writing` writes.
async fn send(
    request: types::Request,
    handover: Handover,
    mut writing: Pin<Box<dyn Future<Output = ()>>>,
) -> Result<types::Response, ErrorCode> {
    if handover.has_begun() {
        // After some polls in a row, tokio lets an idle thread take what a task wakes, such as the connection, which then
        // sends the head before the body is written. The yield begins a new row.
        scheduling::yield_now().await;
    }
    handover.begin().await;
    let mut sending: Pin<Box<dyn Future<Output = _>>> = Box::pin(client::send(request));
    let answered = scheduling::poll_once(sending.as_mut()).await;
    // The host reads the body from now on, so that what is there is written in one call. An empty body says that it has
    // ended, for which its receiver may wait before it answers.
    if scheduling::poll_once(writing.as_mut()).await.is_pending() {
        scheduling::spawn_boxed(writing);
    }
    match answered {
        Poll::Ready(answered) => answered,
        Poll::Pending => sending.await,
    }
}

/// A request of this component.
///
/// # Errors
/// In words for the log, if WASI does not allow it.
fn wasi_request(
    method: &http::Method,
    uri: &Uri,
    headers: &HeaderMap,
    (contents, end): BodyReaders,
    options: Option<RequestOptions>,
) -> Result<types::Request, String> {
    let fields = fields_of(headers).map_err(|error| error.to_string())?;
    let (wasi, _sent) = types::Request::new(fields, contents, end, options);
    // GET is the default.
    let method = match *method {
        http::Method::GET => None,
        http::Method::HEAD => Some(Method::Head),
        http::Method::POST => Some(Method::Post),
        http::Method::PUT => Some(Method::Put),
        http::Method::DELETE => Some(Method::Delete),
        http::Method::OPTIONS => Some(Method::Options),
        http::Method::PATCH => Some(Method::Patch),
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
    Ok(wasi)
}

/// An upstream's response, with what `copy` takes of its headers.
fn incoming(
    response: types::Response,
    copy: impl FnOnce(&Fields) -> HeaderMap,
) -> Result<Response<IncomingBody>, SendFault> {
    let status =
        StatusCode::from_u16(response.get_status_code()).map_err(|error| SendFault::Broken(error.to_string()))?;
    let headers = copy(&response.get_headers());
    let mut answer = Response::new(IncomingBody::of_response(response));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    Ok(answer)
}

/// The store, to be called at once. It stays open: opening it costs as much as reading an entry.
async fn store() -> Result<Rc<Store>, StoreFault> {
    let_bodies_be_read().await;
    let store = match STORE.with_borrow(Option::clone) {
        Some(store) => store,
        None => {
            scheduling::note_store_call();
            let store = Rc::new(Store::open_default().await.map_err(store_fault)?);
            STORE.set(Some(Rc::clone(&store)));
            store
        }
    };
    scheduling::note_store_call();
    Ok(store)
}

fn store_fault(error: key_value::Error) -> StoreFault {
    STORE.set(None);
    StoreFault(match error {
        key_value::Error::AccessDenied => {
            "no access: add default to key_value_stores of this component in spin.toml".to_owned()
        }
        error => error.to_string(),
    })
}
