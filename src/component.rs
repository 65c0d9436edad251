//! The one file that knows Spin: the entry point, and the [`Host`] that the core is given here. It decides nothing.

use std::{
    cell::{Cell, RefCell},
    io::Write,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use spin_sdk::{
    http::IntoResponse,
    key_value::Store,
    variables,
    wasip3::{
        exports::http::handler::Guest,
        http::types::{self, ErrorCode, RequestOptions},
        http_compat::{self, IncomingResponseBody, RequestOptionsExtension},
        random::random::get_random_u64,
    },
    wit_bindgen,
};

use crate::{
    api::{self, RequestHead},
    host::{Host, SendFault, StoreFault, UnixTime, UpstreamBody, VariableUnavailable},
    instance::Instance,
    log_line,
    response::{self, Body},
};

/// How often the host is let go on before a message is handed to it. The body's first piece is then written already, and
/// Spin sends it in one packet with the head; otherwise it follows alone, and waits 40 ms for the other side to
/// acknowledge the head.
const YIELDS_BEFORE_SENDING: usize = 2;

/// A streamed answer ends after this time and this many bytes, whatever is still to come: its upstream connection is
/// held all the while. Graph's largest photos have 4 MB.
const STREAM_TIMEOUT: Duration = Duration::from_secs(120);
const MAX_STREAM_BYTES: usize = 64 * 1024 * 1024;

thread_local! {
    static INSTANCE: Rc<Instance> = Rc::default();
    static STORE: RefCell<Option<Rc<Store>>> = const { RefCell::new(None) };
}

spin_sdk::wasip3::http::service::export!(Component);

/// The component's export. It is written out because `#[http_service]` converts the request first, and answers one that
/// it cannot convert (two `Content-Length` headers, say) by an empty 500.
struct Component;

impl Guest for Component {
    async fn handle(request: types::Request) -> Result<types::Response, ErrorCode> {
        let head = head_of(&request);
        drop(request);
        let is_head = head.method == http::Method::HEAD;
        let instance = INSTANCE.with(Rc::clone);
        let response = api::answer(&instance, &Spin, &head).await;
        let answer = match into_wasi(response, is_head) {
            Ok(answer) => answer,
            // Spin made its own answer of an error: an empty one.
            Err(error) => {
                Spin.log(&log_line::unsendable(&error.to_string()));
                into_wasi(response::empty(StatusCode::BAD_GATEWAY), is_head)?
            }
        };
        let_body_begin().await;
        Ok(answer)
    }
}

/// See [`YIELDS_BEFORE_SENDING`].
async fn let_body_begin() {
    for _ in 0..YIELDS_BEFORE_SENDING {
        wit_bindgen::yield_async().await;
    }
}

/// Takes what is looked at out of a request, and leaves out headers that no Rust program could hold.
fn head_of(request: &types::Request) -> RequestHead {
    let mut headers = HeaderMap::new();
    for (name, value) in request.get_headers().copy_all() {
        if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), http::HeaderValue::try_from(value)) {
            // Fails only beyond 32768 headers.
            let _ = headers.try_append(name, value);
        }
    }
    let method = match request.get_method() {
        types::Method::Get => http::Method::GET,
        types::Method::Head => http::Method::HEAD,
        types::Method::Options => http::Method::OPTIONS,
        // Whichever it is, it is not served.
        _ => http::Method::POST,
    };
    RequestHead { method, target: request.get_path_with_query().unwrap_or_default(), headers }
}

fn into_wasi(response: Response<Body<IncomingResponseBody>>, is_head: bool) -> Result<types::Response, ErrorCode> {
    let (head, body) = response.into_parts();
    match body {
        _ if is_head => Response::from_parts(head, Full::<Bytes>::default()).into_response(),
        Body::Whole(bytes) => Response::from_parts(head, Full::new(bytes)).into_response(),
        Body::Streamed(begun, rest) => {
            let end = Box::pin(spin_sdk::time::sleep(STREAM_TIMEOUT));
            Response::from_parts(head, Streamed { begun: Some(begun), rest, end, allowance: MAX_STREAM_BYTES })
                .into_response()
        }
    }
}

/// A body of which the beginning has been read already. It ends in an error, so that what was sent is known to be cut,
/// where it goes on for too long.
struct Streamed {
    begun: Option<Bytes>,
    rest: IncomingResponseBody,
    end: Pin<Box<dyn Future<Output = ()>>>,
    allowance: usize,
}

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        if let Some(begun) = self.begun.take() {
            return Poll::Ready(Some(Ok(Frame::data(begun))));
        }
        if self.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(ErrorCode::HttpResponseTimeout)));
        }
        let polled = Pin::new(&mut self.rest).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            match self.allowance.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                Some(allowance) => self.allowance = allowance,
                None => return Poll::Ready(Some(Err(ErrorCode::HttpResponseBodySize(None)))),
            }
        }
        polled
    }
}

/// Spin.
#[derive(Debug, Clone, Copy)]
struct Spin;

impl Host for Spin {
    type Body = IncomingResponseBody;

    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    fn now(&self) -> UnixTime {
        UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
    }

    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    fn elapsed(&self) -> Duration {
        thread_local! {
            static START: Instant = Instant::now();
        }
        START.with(Instant::elapsed)
    }

    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&get_random_u64().to_le_bytes());
        }
        bytes
    }

    async fn variable(&self, name: &str) -> Result<String, VariableUnavailable> {
        variables::get(name).await.map_err(|error| VariableUnavailable(error.to_string()))
    }

    async fn send(&self, mut request: Request<Bytes>, timeout: Duration) -> Result<Response<Self::Body>, SendFault> {
        let options = RequestOptions::new();
        let nanoseconds = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        // A host that does not support a limit falls back to its own.
        let _ = options.set_connect_timeout(Some(nanoseconds));
        let _ = options.set_first_byte_timeout(Some(nanoseconds));
        let _ = options.set_between_bytes_timeout(Some(nanoseconds));
        request.extensions_mut().insert(RequestOptionsExtension(options));
        let has_body = !request.body().is_empty();
        let request = http_compat::http_into_wasi_request(request.map(Full::new)).map_err(fault_of)?;
        if has_body {
            let_body_begin().await;
        }
        let response = spin_sdk::wasip3::http::client::send(request).await.map_err(fault_of)?;
        http_compat::http_from_wasi_response(response).map_err(fault_of)
    }

    async fn sleep(&self, duration: Duration) {
        spin_sdk::time::sleep(duration).await;
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
        // A host starts no request in an instance with backpressure, and drops it when the last one has ended.
        if !RETIRED.replace(true) {
            wit_bindgen::backpressure_inc();
        }
    }

    fn log(&self, line: &str) {
        // One write, so that lines of other instances cannot come between.
        let line = format!("{line}\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

impl UpstreamBody for IncomingResponseBody {
    async fn next(&mut self) -> Option<Result<Bytes, SendFault>> {
        loop {
            match self.frame().await? {
                Ok(frame) => match frame.into_data() {
                    Ok(data) => return Some(Ok(data)),
                    Err(_trailers) => {}
                },
                Err(code) => return Some(Err(fault_of(code))),
            }
        }
    }
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
