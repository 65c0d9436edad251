//! A closed loop of callers: each connection sends its next request after the response to the previous one.

use std::{
    net::SocketAddr,
    slice,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Request, StatusCode,
    header::{AUTHORIZATION, HOST},
};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

use super::{
    arrival::{Arrival, GAP},
    owner::is_of,
};

/// Longer than any response should take, even from the peer with ten thousand users on a busy machine.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(120);
/// How much of a wrong response the error shows.
const SHOWN: usize = 400;

/// The header by which an app knows its caller.
pub(super) const CALLER: HeaderName = HeaderName::from_static("x-ms-client-principal-id");

/// A caller with a token and the id that their response must contain.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    authorization: HeaderValue,
    name: Option<HeaderValue>,
    object_id: String,
}

impl Caller {
    pub(super) fn new(token: &str, object_id: &str) -> Result<Self> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}")).context("a token for a header")?;
        authorization.set_sensitive(true);
        Ok(Self { authorization, name: None, object_id: object_id.to_owned() })
    }

    /// The same, sending the header by which an app knows its caller.
    pub(super) fn naming_itself(&self) -> Result<Self> {
        Ok(Self { name: Some(HeaderValue::from_str(&self.object_id)?), ..self.clone() })
    }

    /// The header's value, for another load generator.
    pub(super) fn authorization(&self) -> &[u8] {
        self.authorization.as_bytes()
    }
}

/// Where requests go.
#[derive(Clone, Debug)]
pub(super) struct Target {
    address: SocketAddr,
    host: HeaderValue,
    path: &'static str,
    /// What is posted. If it is empty, the path is got.
    body: Bytes,
}

impl Target {
    /// `url` is `http://` and an address.
    pub(super) fn of(url: &str, path: &'static str) -> Result<Self> {
        let address = url.strip_prefix("http://").and_then(|address| address.parse().ok());
        let address: SocketAddr = address.with_context(|| format!("{url} is no address on this machine"))?;
        Ok(Self { address, host: HeaderValue::try_from(address.to_string())?, path, body: Bytes::new() })
    }

    /// The same with a body to post.
    pub(super) fn with_body(self, body: Bytes) -> Self {
        Self { body, ..self }
    }

    /// The whole URL, for another load generator.
    pub(super) fn url(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }
}

/// Stops after `time` if there were `requests` by then, and after `limit` in any case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Until {
    pub(super) time: Duration,
    pub(super) requests: usize,
    pub(super) limit: Duration,
}

impl Until {
    pub(super) fn time(time: Duration) -> Self {
        Self { time, requests: 0, limit: time }
    }

    fn is_over(&self, elapsed: Duration, requests: usize) -> bool {
        elapsed >= self.limit || (elapsed >= self.time && requests >= self.requests)
    }
}

/// The results of a phase of load.
#[derive(Debug, Default)]
pub(super) struct Load {
    pub(super) elapsed: Duration,
    /// The latency of each request, ascending.
    pub(super) latencies: Vec<Duration>,
    /// How many responses arrived in two pieces, with a gap between them.
    pub(super) in_pieces: usize,
}

impl Load {
    /// Adds the results of a later phase.
    pub(super) fn add(&mut self, later: Self) {
        self.elapsed += later.elapsed;
        self.latencies.extend(later.latencies);
        self.latencies.sort_unstable();
        self.in_pieces += later.in_pieces;
    }

    fn count(&mut self, response: Response) {
        self.latencies.push(response.took);
        self.in_pieces += usize::from(response.gap >= GAP);
    }

    /// The latency that `percent` of the requests did not exceed (nearest rank).
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.latencies.len() * percent).div_ceil(100);
        self.latencies.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

/// Lets `callers` call in turn over `connections` kept-alive connections, starting with the one at `turn`.
///
/// # Errors
/// If any response is not the caller's own.
pub(super) async fn run(
    target: &Target,
    callers: &Arc<[Caller]>,
    connections: usize,
    until: Until,
    turn: &Arc<AtomicUsize>,
) -> Result<Load> {
    let started = Instant::now();
    let first = turn.load(Ordering::Relaxed);
    let mut loops = JoinSet::new();
    for _ in 0..connections {
        let (target, callers, next) = (target.clone(), Arc::clone(callers), Arc::clone(turn));
        loops.spawn(async move {
            let mut connection = Connection::open(&target).await?;
            let mut own = Load::default();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let caller = callers.get(number.checked_rem(callers.len()).context("there are no callers")?);
                if until.is_over(started.elapsed(), number - first) {
                    return Ok::<_, anyhow::Error>(own);
                }
                own.count(connection.call(&target, caller.context("there are no callers")?).await?);
            }
        });
    }
    all(loops, started).await
}

/// One request on a new connection.
///
/// # Errors
/// If the response is not the caller's own profile.
pub(super) async fn once(target: &Target, caller: &Caller) -> Result<Load> {
    burst(slice::from_ref(target), caller, 1).await
}

/// Lets `caller` make `calls` calls at the same moment, each on a connection of its own, to the `targets` in turn.
///
/// # Errors
/// If any response is not the caller's own profile.
pub(super) async fn burst(targets: &[Target], caller: &Caller, calls: usize) -> Result<Load> {
    let mut connections = Vec::with_capacity(calls);
    for target in targets.iter().cycle().take(calls) {
        connections.push((Connection::open(target).await?, target.clone()));
    }
    let started = Instant::now();
    let mut loops = JoinSet::new();
    for (mut connection, target) in connections {
        let caller = caller.clone();
        loops.spawn(async move {
            let mut own = Load::default();
            own.count(connection.call(&target, &caller).await?);
            Ok(own)
        });
    }
    all(loops, started).await
}

/// The results of all connections together.
async fn all(mut loops: JoinSet<Result<Load>>, started: Instant) -> Result<Load> {
    let mut together = Load::default();
    while let Some(of_one) = loops.join_next().await {
        together.add(of_one??);
    }
    Ok(Load { elapsed: started.elapsed(), ..together })
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    arrival: Arrival,
}

/// A response that was checked.
#[derive(Clone, Copy)]
struct Response {
    took: Duration,
    /// Between its first and its last piece; zero if it arrived in one.
    gap: Duration,
}

impl Connection {
    async fn open(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(target.address).await.context("the server takes no more connections")?;
        stream.set_nodelay(true)?;
        let (stream, arrival) = Arrival::watch(stream);
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Ends when the sender is dropped. The sender also reports failures.
        tokio::spawn(connection);
        Ok(Self { sender, arrival })
    }

    async fn call(&mut self, target: &Target, caller: &Caller) -> Result<Response> {
        let method = if target.body.is_empty() { Method::GET } else { Method::POST };
        let mut request = Request::builder()
            .method(method)
            .uri(target.path)
            .header(HOST, target.host.clone())
            .header(AUTHORIZATION, caller.authorization.clone())
            .body(Full::new(target.body.clone()))?;
        request.headers_mut().extend(caller.name.clone().map(|name| (CALLER, name)));
        let started = Instant::now();
        let answered = timeout(ANSWER_LIMIT, async {
            self.sender.ready().await?;
            let (head, body) = self.sender.send_request(request).await?.into_parts();
            Ok::<_, hyper::Error>((head.status, body.collect().await?.to_bytes()))
        });
        let (status, body) = answered
            .await
            .with_context(|| format!("no answer within {} s", ANSWER_LIMIT.as_secs()))?
            .context("the server broke a connection")?;
        let took = started.elapsed();
        check(status, &body, &caller.object_id)?;
        Ok(Response { took, gap: self.arrival.take_gap() })
    }
}

pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn check(status: StatusCode, body: &[u8], object_id: &str) -> Result<()> {
    ensure!(
        status == StatusCode::OK && is_of(body, object_id),
        "a request of {object_id} was answered {status}: {}",
        String::from_utf8_lossy(body.get(..SHOWN).unwrap_or(body))
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        time::sleep,
    };

    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let load = |count: u64| Load { latencies: (1..=count).map(Duration::from_micros).collect(), ..Load::default() };
        assert_eq!(load(100).percentile(50), Duration::from_micros(50));
        assert_eq!(load(100).percentile(99), Duration::from_micros(99));
        assert_eq!(load(1).percentile(99), Duration::from_micros(1));
        assert_eq!(load(0).percentile(99), Duration::ZERO);
    }

    #[test]
    fn only_the_callers_own_response_counts() {
        assert!(check(StatusCode::OK, br#"{"id":"a"}"#, "a").is_ok());
        let other = check(StatusCode::OK, br#"{"id":"b"}"#, "a").unwrap_err().to_string();
        assert!(other.contains(r#"answered 200 OK: {"id":"b"}"#), "{other}");
        assert!(check(StatusCode::BAD_GATEWAY, br#"{"id":"a"}"#, "a").is_err());
    }

    #[test]
    fn a_phase_ends_by_time_and_number_or_at_its_limit() {
        let second = Duration::from_secs(1);
        let until = Until { time: second, requests: 10, limit: 3 * second };
        assert!(!until.is_over(second, 9) && !until.is_over(second / 2, 10));
        assert!(until.is_over(second, 10) && until.is_over(3 * second, 0));
    }

    /// Answers each request on one connection, in one piece or with a body that follows the head after a while.
    async fn serve_in_pieces(listener: TcpListener, pauses: [Option<Duration>; 3]) -> Result<()> {
        const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"id\":\"a\"}";
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        for pause in pauses {
            let read = stream.read(&mut [0; 4096]).await?;
            ensure!(read > 0, "the caller has gone");
            let (head, body) = RESPONSE.split_at(pause.map_or(0, |_| RESPONSE.len() - 10));
            stream.write_all(head).await?;
            sleep(pause.unwrap_or_default()).await;
            stream.write_all(body).await?;
        }
        Ok(())
    }

    #[tokio::test]
    async fn responses_that_wait_for_an_acknowledgement_are_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Target::of(&format!("http://{}", listener.local_addr().unwrap()), "/").unwrap();
        let caller = Caller::new("token", "a").unwrap();
        let server = tokio::spawn(serve_in_pieces(listener, [None, Some(4 * GAP), None]));
        let mut connection = Connection::open(&target).await.unwrap();
        let mut load = Load::default();
        for _ in 0..3 {
            load.count(connection.call(&target, &caller).await.unwrap());
        }
        server.await.unwrap().unwrap();
        assert_eq!((load.latencies.len(), load.in_pieces), (3, 1), "{load:?}");
        let mut both = Load { in_pieces: 2, ..Load::default() };
        both.add(load);
        assert_eq!(both.in_pieces, 3);
    }
}
