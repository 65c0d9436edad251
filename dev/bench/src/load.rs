//! A closed loop of callers: each connection sends its next request after the response to the previous one.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{
    HeaderValue, Request, StatusCode,
    header::{AUTHORIZATION, HOST},
};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

/// Longer than any response should take, even from the peer with ten thousand users on a busy machine.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);
/// How much of a wrong response the error shows.
const SHOWN: usize = 400;

/// A caller with a token and the id that their profile must contain.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    authorization: HeaderValue,
    own_id: String,
}

impl Caller {
    pub(super) fn new(token: &str, object_id: &str) -> Result<Self> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}")).context("a token for a header")?;
        authorization.set_sensitive(true);
        Ok(Self { authorization, own_id: format!("\"id\":\"{object_id}\"") })
    }
}

/// Where requests go.
#[derive(Clone, Debug)]
pub(super) struct Target {
    address: SocketAddr,
    host: HeaderValue,
}

impl Target {
    const PATH: &str = "/api/profile-get";

    /// `url` is `http://` and an address.
    pub(super) fn of(url: &str) -> Result<Self> {
        let address = url.strip_prefix("http://").and_then(|address| address.parse().ok());
        let address: SocketAddr = address.with_context(|| format!("{url} is no address on this machine"))?;
        Ok(Self { address, host: HeaderValue::try_from(address.to_string())? })
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
}

impl Load {
    /// Adds the results of a later phase.
    pub(super) fn add(&mut self, later: Self) {
        self.elapsed += later.elapsed;
        self.latencies.extend(later.latencies);
        self.latencies.sort_unstable();
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
/// If any response is not the caller's own profile.
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
            let mut latencies = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let caller = callers.get(number.checked_rem(callers.len()).context("there are no callers")?);
                if until.is_over(started.elapsed(), number - first) {
                    return Ok::<_, anyhow::Error>(latencies);
                }
                latencies.push(connection.call(&target, caller.context("there are no callers")?).await?);
            }
        });
    }
    let mut latencies = Vec::new();
    while let Some(of_one) = loops.join_next().await {
        latencies.append(&mut of_one??);
    }
    let elapsed = started.elapsed();
    latencies.sort_unstable();
    Ok(Load { elapsed, latencies })
}

/// How long one request on a new connection takes.
pub(super) async fn once(target: &Target, caller: &Caller) -> Result<Duration> {
    Connection::open(target).await?.call(target, caller).await
}

struct Connection(SendRequest<Empty<Bytes>>);

impl Connection {
    async fn open(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(target.address).await.context("the server takes no more connections")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Ends when the sender is dropped. The sender also reports failures.
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    async fn call(&mut self, target: &Target, caller: &Caller) -> Result<Duration> {
        let request = Request::get(Target::PATH)
            .header(HOST, target.host.clone())
            .header(AUTHORIZATION, caller.authorization.clone())
            .body(Empty::new())?;
        let started = Instant::now();
        let answered = timeout(ANSWER_LIMIT, async {
            self.0.ready().await?;
            let (head, body) = self.0.send_request(request).await?.into_parts();
            Ok::<_, hyper::Error>((head.status, body.collect().await?.to_bytes()))
        });
        let (status, body) = answered
            .await
            .with_context(|| format!("no answer within {} s", ANSWER_LIMIT.as_secs()))?
            .context("the server broke a connection")?;
        let took = started.elapsed();
        check(status, &body, &caller.own_id)?;
        Ok(took)
    }
}

fn check(status: StatusCode, body: &[u8], own_id: &str) -> Result<()> {
    let is_own = || body.windows(own_id.len()).any(|part| part == own_id.as_bytes());
    ensure!(
        status == StatusCode::OK && is_own(),
        "a request that must give the profile with {own_id} was answered {status}: {}",
        String::from_utf8_lossy(body.get(..SHOWN).unwrap_or(body))
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let load =
            |count: u64| Load { elapsed: Duration::ZERO, latencies: (1..=count).map(Duration::from_micros).collect() };
        assert_eq!(load(100).percentile(50), Duration::from_micros(50));
        assert_eq!(load(100).percentile(99), Duration::from_micros(99));
        assert_eq!(load(1).percentile(99), Duration::from_micros(1));
        assert_eq!(load(0).percentile(99), Duration::ZERO);
    }

    #[test]
    fn only_the_callers_own_profile_counts() {
        let own = "\"id\":\"a\"";
        assert!(check(StatusCode::OK, br#"{"id":"a"}"#, own).is_ok());
        let other = check(StatusCode::OK, br#"{"id":"b"}"#, own).unwrap_err().to_string();
        assert!(other.contains(r#"answered 200 OK: {"id":"b"}"#), "{other}");
        assert!(check(StatusCode::BAD_GATEWAY, br#"{"id":"a"}"#, own).is_err());
    }

    #[test]
    fn a_phase_ends_by_time_and_number_or_at_its_limit() {
        let second = Duration::from_secs(1);
        let until = Until { time: second, requests: 10, limit: 3 * second };
        assert!(!until.is_over(second, 9) && !until.is_over(second / 2, 10));
        assert!(until.is_over(second, 10) && until.is_over(3 * second, 0));
    }
}
