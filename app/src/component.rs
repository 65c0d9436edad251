//! The one file that knows Spin: the entry point, and the [`Host`] that the core is given here. It decides nothing.

use std::{
    io::Write,
    pin::pin,
    rc::Rc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use futures::future::{Either, select};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use spin_sdk::{
    http::IntoResponse,
    key_value::Store,
    time::sleep,
    variables,
    wasip3::{
        exports::http::handler::Guest,
        http::{
            client,
            types::{self, ErrorCode},
        },
        http_compat,
        random::random::get_random_u64,
    },
    wit_bindgen,
};

use crate::{
    app::{self, RequestHead},
    host::{Host, Limits, SendFault, StoreFault, UnixTime, VariableUnavailable},
    instance::Instance,
};

/// How often the host is let go on before an answer is returned. The body is then written already, and Spin sends it in
/// one packet with the head; otherwise it follows alone, and waits 40 ms for the client to acknowledge the head.
const YIELDS_BEFORE_ANSWER: usize = 2;

thread_local! {
    static INSTANCE: Rc<Instance> = Rc::default();
}

spin_sdk::wasip3::http::service::export!(Component);

/// The component's export. It is written out because `#[http_service]` converts the request first, and answers one that
/// it cannot convert by an empty 500.
struct Component;

impl Guest for Component {
    async fn handle(request: types::Request) -> Result<types::Response, ErrorCode> {
        let head = head_of(&request);
        drop(request);
        let instance = INSTANCE.with(Rc::clone);
        let answer = app::answer(&instance, &Spin, &head).await.map(Full::new).into_response()?;
        for _ in 0..YIELDS_BEFORE_ANSWER {
            wit_bindgen::yield_async().await;
        }
        Ok(answer)
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
        types::Method::Post => http::Method::POST,
        // Whichever it is, it is not served.
        _ => http::Method::OPTIONS,
    };
    RequestHead { method, target: request.get_path_with_query().unwrap_or_default(), headers }
}

/// Spin.
#[derive(Debug, Clone, Copy)]
struct Spin;

impl Host for Spin {
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

    async fn variable(&self, name: &str, timeout: Duration) -> Result<String, VariableUnavailable> {
        match within(timeout, variables::get(name)).await {
            Some(value) => value.map_err(|error| VariableUnavailable(error.to_string())),
            None => Err(VariableUnavailable("its provider did not answer in time".to_owned())),
        }
    }

    async fn send(&self, request: Request<Bytes>, limits: Limits) -> Result<Response<Bytes>, SendFault> {
        within(limits.time, send(request, limits.body)).await.unwrap_or(Err(SendFault::TimedOut))
    }

    async fn read_store(&self, key: &str, timeout: Duration) -> Result<Option<Vec<u8>>, StoreFault> {
        let reading = async { Store::open_default().await?.get(key).await };
        stored(within(timeout, reading).await)
    }

    async fn write_store(&self, key: &str, value: &[u8], timeout: Duration) -> Result<(), StoreFault> {
        let writing = async { Store::open_default().await?.set(key, value).await };
        stored(within(timeout, writing).await)
    }

    fn log(&self, line: &str) {
        // One write, so that lines of other instances cannot come between.
        let line = format!("{line}\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

async fn send(request: Request<Bytes>, max_body: usize) -> Result<Response<Bytes>, SendFault> {
    let request = http_compat::http_into_wasi_request(request.map(Full::new)).map_err(fault_of)?;
    let response = client::send(request).await.map_err(fault_of)?;
    let (head, body) = http_compat::http_from_wasi_response(response).map_err(fault_of)?.into_parts();
    let body = Limited::new(body, max_body).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            return SendFault::TooLarge;
        }
        error.downcast::<ErrorCode>().map_or_else(|other| SendFault::Broken(other.to_string()), |code| fault_of(*code))
    })?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

/// What `work` brings, unless `limit` passes first; the work is dropped then.
async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), pin!(sleep(limit))).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

fn stored<T>(answer: Option<Result<T, spin_sdk::key_value::Error>>) -> Result<T, StoreFault> {
    match answer {
        Some(answer) => answer.map_err(|error| StoreFault(error.to_string())),
        None => Err(StoreFault("no answer in time".to_owned())),
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
