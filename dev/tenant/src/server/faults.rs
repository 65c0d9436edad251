//! Faults, by endpoint or for all connections to a service.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, de::Error as _};
use tokio::sync::watch;

use super::{
    connection::Connection,
    connection_faults::{ConnectionFault, milliseconds},
    reset_code::ResetCode,
};
use crate::{
    endpoint::{Endpoint, Service},
    wire::{self, Broken, ResponseBody},
};

/// What an endpoint does instead of responding normally.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Waits, then responds normally.
    Delay(#[serde(deserialize_with = "milliseconds")] Duration),
    /// Responds with this status, these headers and this body, which is JSON unless the headers give another type.
    #[serde(deserialize_with = "status")]
    Status(u16, Vec<(String, String)>, String),
    /// Responds with 200 and `application/json`, but the body is a web page.
    Garbage,
    /// Closes the connection without a response.
    HangUp,
    /// Never responds and keeps the connection open.
    Silence,
    /// Responds with 200 and a JSON string of this many bytes, without `Content-Length`.
    HugeBody(usize),
    /// Responds normally, `bytes` at a time with `pause` before each piece.
    DripBody {
        /// The size of a piece.
        bytes: usize,
        /// The time before each piece.
        #[serde(deserialize_with = "milliseconds")]
        pause: Duration,
    },
    /// Responds normally, but closes the connection half-way through the body.
    CutShort,
    /// Ends the request's stream by `RST_STREAM` (RFC 9113 section 6.4) instead of a response. Without HTTP/2, the
    /// connection.
    Reset(ResetCode),
    /// Responds normally, but ends the stream by `RST_STREAM` half-way through the body. Without HTTP/2, the
    /// connection.
    ResetInBody(ResetCode),
    /// Responds normally, and ends the connection after the requests in progress: by `GOAWAY` (RFC 9113 section
    /// 6.8), or `Connection: close`.
    LastOnConnection,
    /// Responds normally, and closes the connection this long after that, even during other requests.
    CloseAfter(#[serde(deserialize_with = "milliseconds")] Duration),
    /// Responds normally; from then on the service refuses connections, as after [`Faults::refuse`].
    LastAnswer,
    /// Resets the connection (TCP RST) without a response.
    ResetConnection,
    /// Responds normally, but resets the connection (TCP RST) half-way through the body.
    ResetConnectionInBody,
    /// Responds in another protocol than HTTP, below TLS if there is any, then closes the connection.
    NotHttp,
    /// Responds normally, but the body ends half-way through its text, while it is complete for HTTP.
    Truncated,
    /// Sends the head of the normal response, then nothing more.
    HeadThenSilence,
}

impl Fault {
    /// The plain status without headers and with an empty body.
    pub fn status(status: u16) -> Self {
        Self::Status(status, Vec::new(), String::new())
    }

    /// 503 with `Retry-After`, in seconds.
    pub fn unavailable(retry_after: u64) -> Self {
        Self::Status(503, vec![("retry-after".to_owned(), retry_after.to_string())], String::new())
    }

    /// A redirection to `location`, which no client should follow.
    pub fn redirect(location: &str) -> Self {
        Self::Status(302, vec![("location".to_owned(), location.to_owned())], String::new())
    }
}

type StatusFields = (u16, Vec<(String, String)>, String);

/// `{"code": 503, "headers": {"retry-after": "3"}, "body": ""}`
fn status<'de, D: Deserializer<'de>>(from: D) -> Result<StatusFields, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Fields {
        code: u16,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        #[serde(default)]
        body: String,
    }
    let Fields { code, headers, body } = Fields::deserialize(from)?;
    // Interim responses are no responses.
    if !(200..=599).contains(&code) {
        return Err(D::Error::custom("`code` must be between 200 and 599"));
    }
    let is_valid =
        |(name, value): (&String, &String)| HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok();
    match headers.iter().all(is_valid) {
        true => Ok((code, headers.into_iter().collect(), body)),
        false => Err(D::Error::custom("a header's name or value has a character that none may have")),
    }
}

const NOT_HTTP: &[u8] = b"SSH-2.0-OpenSSH_9.9\r\n";

/// The faults that are set: at most one for each endpoint, and one for the connections of each service.
#[derive(Default)]
pub struct Faults {
    endpoints: Mutex<HashMap<Endpoint, Dialled<Fault>>>,
    connections: Mutex<HashMap<Service, Dialled<ConnectionFault>>>,
    /// How often all connections of a service were closed.
    closed: watch::Sender<HashMap<Service, u64>>,
    /// Services that refuse connections.
    refusing: watch::Sender<HashSet<Service>>,
}

struct Dialled<F> {
    fault: F,
    when: When,
}

enum When {
    /// Until it is cleared.
    Always,
    /// For so many more.
    Times(usize),
    /// For each one of this number; the second value counts them.
    Every(usize, usize),
}

impl<F: Clone> Dialled<F> {
    fn take(&mut self) -> Option<F> {
        let is_met = match &mut self.when {
            When::Always => true,
            When::Times(times) => {
                *times = times.checked_sub(1)?;
                true
            }
            When::Every(nth, count) => {
                *count += 1;
                *count % *nth == 0
            }
        };
        is_met.then(|| self.fault.clone())
    }
}

impl Faults {
    /// Applies `fault` to every request to `endpoint`, until it is changed or cleared.
    pub fn set(&self, endpoint: Endpoint, fault: Fault) {
        self.endpoints.lock().insert(endpoint, Dialled { fault, when: When::Always });
    }

    /// Applies `fault` to the next `times` requests to `endpoint`; later ones are answered normally.
    pub fn set_times(&self, endpoint: Endpoint, fault: Fault, times: usize) {
        self.endpoints.lock().insert(endpoint, Dialled { fault, when: When::Times(times) });
    }

    /// Applies `fault` to each `nth` request to `endpoint`, until it is changed or cleared.
    pub fn set_every(&self, endpoint: Endpoint, fault: Fault, nth: usize) {
        self.endpoints.lock().insert(endpoint, Dialled { fault, when: When::Every(nth, 0) });
    }

    /// Applies `fault` to every new connection to `service`, until it is changed or cleared. Open connections are
    /// closed.
    pub fn set_connections(&self, service: Service, fault: ConnectionFault) {
        self.dial_connections(service, Dialled { fault, when: When::Always });
    }

    /// Applies `fault` to the next `times` connections to `service`; later ones are normal. Open connections are
    /// closed.
    pub fn set_connections_times(&self, service: Service, fault: ConnectionFault, times: usize) {
        self.dial_connections(service, Dialled { fault, when: When::Times(times) });
    }

    fn dial_connections(&self, service: Service, dialled: Dialled<ConnectionFault>) {
        self.connections.lock().insert(service, dialled);
        self.close_connections(service);
    }

    /// Closes the open connections to `service`, even while requests are in progress on them.
    pub fn close_connections(&self, service: Service) {
        self.closed.send_modify(|times| *times.entry(service).or_default() += 1);
    }

    /// `service` refuses connections until faults are cleared; open ones are closed.
    pub fn refuse(&self, service: Service) {
        self.refuse_further(service);
        self.close_connections(service);
    }

    /// `service` refuses connections until faults are cleared; open ones continue.
    pub(crate) fn refuse_further(&self, service: Service) {
        self.refusing.send_modify(|services| _ = services.insert(service));
    }

    /// The services that refuse connections, with a notification when that changes.
    pub(crate) fn refusing(&self) -> watch::Receiver<HashSet<Service>> {
        self.refusing.subscribe()
    }

    /// Clears all faults: every service accepts connections and answers normally again.
    pub fn clear(&self) {
        self.refusing.send_modify(HashSet::clear);
        self.endpoints.lock().clear();
        let met: Vec<Service> = self.connections.lock().drain().map(|(service, _)| service).collect();
        met.into_iter().for_each(|service| self.close_connections(service));
    }

    /// The fault for a request that was just received.
    pub(crate) fn take(&self, endpoint: Endpoint) -> Option<Fault> {
        self.endpoints.lock().get_mut(&endpoint)?.take()
    }

    /// Waits until the connections to `service` that are open now must close, counted from the call, not from the
    /// first poll.
    pub(crate) fn connections_closed(&self, service: Service) -> impl Future<Output = ()> + use<> {
        let mut closed = self.closed.subscribe();
        let until_now = closed.borrow_and_update().get(&service).copied();
        async move {
            // An error means that the tenant was dropped, and the connection with it.
            let _ = closed.wait_for(|times| times.get(&service).copied() != until_now).await;
        }
    }

    /// The fault for a connection that has just been accepted.
    pub(crate) fn take_connection(&self, service: Service) -> Option<ConnectionFault> {
        self.connections.lock().get_mut(&service)?.take()
    }
}

/// Answers a request as `fault` demands; `response` makes the normal response if it is needed.
pub(crate) async fn answer_with(
    fault: Fault,
    connection: &Connection,
    response: impl FnOnce() -> Response<ResponseBody>,
) -> Result<Response<ResponseBody>, Broken> {
    match fault {
        Fault::Delay(time) => {
            tokio::time::sleep(time).await;
            Ok(response())
        }
        Fault::Status(status, headers, body) => Ok(with_status(status, headers, body)),
        Fault::Garbage => Ok(wire::response(
            StatusCode::OK,
            "application/json; charset=utf-8",
            "<!DOCTYPE html><title>Proxy</title><p>Please sign in to the network.",
        )),
        Fault::HangUp => {
            connection.close();
            Err(Broken::connection())
        }
        Fault::Silence => std::future::pending().await,
        Fault::HugeBody(length) => Ok(huge(length)),
        Fault::DripBody { bytes, pause } => Ok(dripped(response(), bytes, pause).await),
        Fault::CutShort => {
            let connection = connection.clone();
            Ok(half(response(), move || {
                connection.close();
                Broken::connection()
            })
            .await)
        }
        Fault::Reset(code) => Err(Broken::stream(code.reason())),
        Fault::ResetInBody(code) => Ok(half(response(), move || Broken::stream(code.reason())).await),
        Fault::LastOnConnection | Fault::LastAnswer => {
            connection.retire();
            Ok(response())
        }
        Fault::ResetConnection => {
            connection.reset();
            Err(Broken::connection())
        }
        Fault::ResetConnectionInBody => {
            let connection = connection.clone();
            Ok(half(response(), move || {
                connection.reset();
                Broken::connection()
            })
            .await)
        }
        Fault::NotHttp => {
            connection.write(NOT_HTTP);
            connection.close();
            Err(Broken::connection())
        }
        Fault::Truncated => {
            let (mut head, mut body) = into_bytes(response()).await;
            head.headers.remove(header::CONTENT_LENGTH);
            let half = body.split_to(body.len() / 2);
            Ok(Response::from_parts(head, Full::new(half).map_err(|never| match never {}).boxed_unsync()))
        }
        Fault::HeadThenSilence => {
            let (head, _) = response().into_parts();
            Ok(Response::from_parts(head, StreamBody::new(stream::pending()).boxed_unsync()))
        }
        Fault::CloseAfter(time) => {
            let connection = connection.clone();
            tokio::spawn(async move {
                tokio::time::sleep(time).await;
                connection.close();
            });
            Ok(response())
        }
    }
}

fn with_status(status: u16, headers: Vec<(String, String)>, body: String) -> Response<ResponseBody> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = wire::response(status, "application/json; charset=utf-8", body);
    if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn huge(length: usize) -> Response<ResponseBody> {
    const PIECE: usize = 16 * 1024;
    let quote = || stream::iter([Bytes::from_static(b"\"")]);
    let filling = stream::iter((0..length.saturating_sub(2)).step_by(PIECE))
        .map(move |start| Bytes::from(vec![b'x'; PIECE.min(length - 2 - start)]));
    let pieces = quote().chain(filling).chain(quote());
    let mut response = wire::response(StatusCode::OK, "application/json; charset=utf-8", Bytes::new());
    *response.body_mut() = StreamBody::new(pieces.map(|piece| Ok(Frame::data(piece)))).boxed_unsync();
    response
}

async fn dripped(response: Response<ResponseBody>, bytes: usize, pause: Duration) -> Response<ResponseBody> {
    let (head, body) = into_bytes(response).await;
    let pieces = stream::unfold(body, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let piece = rest.split_to(bytes.clamp(1, rest.len()));
        Some((Ok(Frame::data(piece)), rest))
    });
    Response::from_parts(head, StreamBody::new(pieces).boxed_unsync())
}

/// Sends half of the body, then `end`.
async fn half(
    response: Response<ResponseBody>,
    end: impl FnOnce() -> Broken + Send + 'static,
) -> Response<ResponseBody> {
    let (head, mut body) = into_bytes(response).await;
    let half = body.split_to(body.len() / 2);
    // The pause lets the first half reach the client before the end.
    let pieces = stream::iter([Ok(Frame::data(half))]).chain(stream::once(async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(end())
    }));
    Response::from_parts(head, StreamBody::new(pieces).boxed_unsync())
}

async fn into_bytes(response: Response<ResponseBody>) -> (http::response::Parts, Bytes) {
    let (head, body) = response.into_parts();
    // Every normal answer is made in memory: its body cannot fail.
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    (head, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_for_two_times_is_met_twice() {
        let faults = Faults::default();
        faults.set_times(Endpoint::GraphMe, Fault::HangUp, 2);
        assert!(faults.take(Endpoint::KeySet).is_none());
        assert!(faults.take(Endpoint::GraphMe).is_some());
        assert!(faults.take(Endpoint::GraphMe).is_some());
        assert!(faults.take(Endpoint::GraphMe).is_none());
    }

    #[tokio::test]
    async fn a_huge_body_has_the_length_asked_for() {
        for length in [2, 3, 16 * 1024 + 2, 100_000] {
            let body = huge(length).into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body.len(), length);
            assert!(body.starts_with(b"\"") && body.ends_with(b"\""));
        }
    }
}
