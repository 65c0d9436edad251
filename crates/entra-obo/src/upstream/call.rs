//! Calls to Entra and Graph: time limits, size limits, one retry.

use std::{fmt, pin::pin, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{self, ACCEPT_ENCODING, RETRY_AFTER},
    response::Parts,
};

use crate::{
    deadline::{Deadline, Elapsed, race},
    host::{Host, SendFault, UnixTime, UpstreamBody},
};

/// The longest wait before the one retry. If the upstream asks for longer, the caller gets its `Retry-After`.
const MAX_RETRY_WAIT: Duration = Duration::from_secs(2);

/// The wait before a retry for which the upstream names none; up to as much again is added at random, so that
/// instances that failed together do not return together.
const RETRY_WAIT: Duration = Duration::from_millis(200);

/// The longest `Retry-After` that is believed, as in Microsoft's libraries.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// The headers of responses that the core reads, and that in which an API reports its times; a host need not give others.
pub const RESPONSE_HEADERS_READ: [HeaderName; 9] = [
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::ETAG,
    RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("request-id"),
    HeaderName::from_static("server-timing"),
];

/// Microsoft Entra ID, as [`Step::service`].
pub const ENTRA: &str = "Entra";

/// A call that a request may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Who is called, for the log: `Entra`, `Graph`.
    pub service: &'static str,
    /// What for, in words for the log.
    pub name: &'static str,
    /// The longest that one attempt may take, until the response has been read as far as `max_body`.
    pub timeout: Duration,
    /// The largest body that is read whole.
    pub max_body: usize,
}

/// A call without a usable response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamFault {
    /// Which call.
    pub step: Step,
    /// What happened.
    pub kind: FaultKind,
}

/// What happened to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// It was not sent, or its response is incomplete.
    Send(SendFault),
    /// The response is not one that the service documents: words for the log.
    Unusable(String),
    /// The service is unavailable, and its `Retry-After` if it sent one.
    Unavailable(StatusCode, Option<Duration>),
}

/// In words for the log.
impl fmt::Display for UpstreamFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, kind } = self;
        write!(formatter, "{} {}: {kind}", step.service, step.name)
    }
}

/// In words for the log.
impl fmt::Display for FaultKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(fault) => fault.fmt(formatter),
            Self::Unusable(words) => formatter.write_str(words),
            Self::Unavailable(status, None) => write!(formatter, "status {}", status.as_u16()),
            Self::Unavailable(status, Some(wait)) => {
                write!(formatter, "status {}, Retry-After {} s", status.as_u16(), wait.as_secs())
            }
        }
    }
}

impl UpstreamFault {
    /// The service's `Retry-After`, if it sent one.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.kind {
            FaultKind::Unavailable(_, wait) => wait,
            FaultKind::Send(_) | FaultKind::Unusable(_) => None,
        }
    }

    /// The same with what is left of the time that the service asked for.
    #[must_use]
    pub fn with_retry_after(mut self, left: Option<Duration>) -> Self {
        if let FaultKind::Unavailable(_, wait) = &mut self.kind {
            *wait = left;
        }
        self
    }

    /// Whether it says nothing about the service, because the request that needed the call had no time left.
    #[must_use]
    pub const fn is_out_of_time(&self) -> bool {
        matches!(self.kind, FaultKind::Send(SendFault::DeadlinePassed))
    }
}

impl Step {
    /// A fault of this step.
    #[must_use]
    pub const fn fault(self, kind: FaultKind) -> UpstreamFault {
        UpstreamFault { step: self, kind }
    }

    /// The fault that the response is not one that the service documents.
    #[must_use]
    pub fn unusable(self, words: impl Into<String>) -> UpstreamFault {
        self.fault(FaultKind::Unusable(words.into()))
    }
}

/// A response, read to its end or until it proved larger than its step's limit.
#[derive(Debug)]
pub struct UpstreamResponse<B> {
    /// Status and headers.
    pub head: Parts,
    /// Its body as far as it was read.
    pub reading: Reading,
    /// Where the rest comes from.
    pub rest: B,
}

/// How far a body was read.
#[derive(Debug)]
pub enum Reading {
    /// To its end.
    Whole(Bytes),
    /// Beyond the limit: this much so far, and there is more.
    Begun(Bytes),
}

/// Sends a request that may be sent twice, and once more if the first attempt broke or the service was unavailable.
///
/// # Errors
/// The [`UpstreamFault`] of the last attempt; an error status is a response, not an error.
pub async fn call<H: Host>(
    host: &H,
    deadline: Deadline,
    step: Step,
    mut request: Request<Bytes>,
) -> Result<UpstreamResponse<H::Body>, UpstreamFault> {
    // No content coding is decoded here, and a request that does not say so allows any (RFC 9110 section 12.5.3).
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let of_step = |fault| step.fault(FaultKind::Send(fault));
    let first = attempt(host, deadline, step, &request).await;
    let wait = match &first {
        Err(SendFault::Broken(_)) => RETRY_WAIT,
        Ok(answer) if is_transient(answer.head.status) => {
            retry_after(&answer.head.headers, host.now()).unwrap_or(RETRY_WAIT)
        }
        Ok(_) | Err(SendFault::Denied(_) | SendFault::TimedOut | SendFault::DeadlinePassed) => {
            return first.map_err(of_step);
        }
    };
    if wait > MAX_RETRY_WAIT || wait.saturating_mul(2) > deadline.remaining(host) {
        return first.map_err(of_step);
    }
    drop(first);
    host.sleep(wait.saturating_add(jitter(host))).await;
    attempt(host, deadline, step, &request).await.map_err(of_step)
}

/// Makes a call whose response must be complete.
///
/// # Errors
/// An [`UpstreamFault`] if there is no response, or one larger than the step's limit.
pub async fn fetch<H: Host>(
    host: &H,
    deadline: Deadline,
    step: Step,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, UpstreamFault> {
    whole(step, call(host, deadline, step, request).await?)
}

/// Makes a call that must not be repeated, and whose response must be complete.
///
/// # Errors
/// As [`fetch`].
pub async fn fetch_once<H: Host>(
    host: &H,
    deadline: Deadline,
    step: Step,
    request: &Request<Bytes>,
) -> Result<Response<Bytes>, UpstreamFault> {
    let response = attempt(host, deadline, step, request).await;
    whole(step, response.map_err(|fault| step.fault(FaultKind::Send(fault)))?)
}

fn whole<B>(step: Step, response: UpstreamResponse<B>) -> Result<Response<Bytes>, UpstreamFault> {
    match response.reading {
        Reading::Whole(bytes) => Ok(Response::from_parts(response.head, bytes)),
        Reading::Begun(_) => Err(step.unusable(format!("the response is larger than {} bytes", step.max_body))),
    }
}

/// `Retry-After` of RFC 9110 section 10.2.3: a date, or seconds, which Graph also sends with a fraction.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: UnixTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match seconds(text) {
        Some(wait) => wait,
        None => {
            let date = httpdate::parse_http_date(text).ok()?;
            let date = date.duration_since(std::time::UNIX_EPOCH).ok()?;
            Duration::from_secs(UnixTime(date.as_secs()).since(now))
        }
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// The whole seconds of a wait, rounded up, so that nobody returns too early.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

/// Seconds in digits, perhaps with a fraction, of which three digits count. The standard library's parser takes more forms,
/// and makes a component 16 kB larger.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if [whole, fraction].into_iter().any(|part| part.is_empty() || part.bytes().any(|byte| !byte.is_ascii_digit())) {
        return None;
    }
    // What is too large for the type is longer than any wait.
    let whole = Duration::from_secs(whole.parse().unwrap_or(u64::MAX));
    let thousandths = format!("{fraction:0<3.3}").parse().ok()?;
    Some(whole.saturating_add(Duration::from_millis(thousandths)))
}

/// Whether a service says that another attempt may do better.
#[must_use]
pub const fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504 | 509)
}

async fn attempt<H: Host>(
    host: &H,
    deadline: Deadline,
    step: Step,
    request: &Request<Bytes>,
) -> Result<UpstreamResponse<H::Body>, SendFault> {
    let begun = host.elapsed();
    let remaining = deadline.left_at(begun);
    if remaining.is_zero() {
        return Err(SendFault::DeadlinePassed);
    }
    let limit = step.timeout.min(remaining);
    match send_and_read(host, limit, begun, step.max_body, request).await {
        Err(SendFault::TimedOut) if remaining < step.timeout => Err(SendFault::DeadlinePassed),
        answer => answer,
    }
}

async fn send_and_read<H: Host>(
    host: &H,
    limit: Duration,
    begun: Duration,
    max_body: usize,
    request: &Request<Bytes>,
) -> Result<UpstreamResponse<H::Body>, SendFault> {
    // One for the whole attempt, which begins with the first wait: a timer costs as much as verifying a signature.
    let mut timer = pin!(async { host.sleep(limit.saturating_sub(host.elapsed().saturating_sub(begun))).await });

    let sending = host.send(request, limit);
    // The host's own limit has to do if it keeps one.
    let response =
        if host.keeps_limits() { sending.await } else { race(timer.as_mut(), sending).await.unwrap_or_else(timed_out) };
    let (head, mut rest) = response?.into_parts();
    // Without a clear length, the host says when the body ends.
    let length = content_length(&head.headers).ok().flatten().and_then(|length| usize::try_from(length).ok());
    let mut read = BytesMut::new();
    // With its last byte the body has ended. Waiting for the host to say so would often take a timer.
    while length.is_none_or(|length| read.len() < length) {
        // For a body the host's own limit would not do: it applies to each piece, and restarts with each empty frame of
        // HTTP/2, which the host does not pass on.
        let next = race(timer.as_mut(), rest.next()).await.unwrap_or_else(|elapsed| Some(timed_out(elapsed)));
        let piece = match next {
            Some(Ok(piece)) => piece,
            // The status and headers of an error say enough.
            Some(Err(fault)) if head.status.is_success() => return Err(fault),
            Some(Err(_)) | None => break,
        };
        if read.is_empty() {
            // Without a copy: most bodies come in one piece.
            read = piece.into();
        } else {
            read.extend_from_slice(&piece);
        }
        if read.len() > max_body {
            return Ok(UpstreamResponse { head, reading: Reading::Begun(read.freeze()), rest });
        }
    }
    Ok(UpstreamResponse { head, reading: Reading::Whole(read.freeze()), rest })
}

/// The `Content-Length`, in bytes. It may be repeated, in one line or in several (RFC 9110 section 8.6).
///
/// # Errors
/// If it is not one number. Programs would read it differently (RFC 9112 section 6.3).
pub fn content_length(headers: &HeaderMap) -> Result<Option<u64>, UnclearLength> {
    let lines = headers.get_all(header::CONTENT_LENGTH).iter();
    let mut lengths = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(number);
    let Some(length) = lengths.next() else { return Ok(None) };
    let length = length.filter(|_| lengths.all(|other| other == length));
    length.map(Some).ok_or(UnclearLength)
}

/// Decimal digits, and nothing else but space around them.
fn number(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    // A sign would be parsed as well.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A `Content-Length` that is not one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnclearLength;

fn timed_out<T>(Elapsed: Elapsed) -> Result<T, SendFault> {
    Err(SendFault::TimedOut)
}

fn jitter<H: Host>(host: &H) -> Duration {
    let [random, ..] = host.random();
    RETRY_WAIT.saturating_mul(u32::from(random)).checked_div(u32::from(u8::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{
        HeaderMap, HeaderValue,
        header::{CONTENT_LENGTH, RETRY_AFTER},
    };

    use super::{UnclearLength, content_length, retry_after};
    use crate::host::UnixTime;

    #[test]
    fn a_length_is_one_number_however_often_it_is_repeated() {
        let cases: [(&[&str], _); 12] = [
            (&[], Ok(None)),
            (&["0"], Ok(Some(0))),
            (&["42", "42"], Ok(Some(42))),
            (&[" 42 ,42"], Ok(Some(42))),
            (&["5000000000"], Ok(Some(5_000_000_000))),
            (&["42, 43"], Err(UnclearLength)),
            (&["42", "43"], Err(UnclearLength)),
            (&["+42"], Err(UnclearLength)),
            (&["-1"], Err(UnclearLength)),
            (&["42,"], Err(UnclearLength)),
            (&[""], Err(UnclearLength)),
            (&["18446744073709551616"], Err(UnclearLength)),
        ];
        for (lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(CONTENT_LENGTH, HeaderValue::from_static(line));
            }
            assert_eq!(content_length(&headers), expected, "{lines:?}");
        }
    }

    #[test]
    fn retry_after_is_seconds_with_or_without_a_fraction_or_a_date() {
        let cases = [
            ("3", Some(3_000)),
            ("2.128", Some(2_128)),
            ("0", Some(0)),
            ("99999999", Some(3_600_000)),
            ("99999999999999999999999", Some(3_600_000)),
            ("1.5", Some(1_500)),
            ("1.0009", Some(1_000)),
            ("1e300", None),
            ("1.", None),
            (".5", None),
            ("1.5.5", None),
            ("+1", None),
            ("Thu, 01 Jan 1970 00:01:40 GMT", Some(40_000)),
            ("Thu, 01 Jan 1970 00:00:40 GMT", Some(0)),
            ("-1", None),
            ("NaN", None),
            ("soon", None),
            ("", None),
        ];
        for (text, milliseconds) in cases {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            assert_eq!(retry_after(&headers, UnixTime(60)), milliseconds.map(Duration::from_millis), "{text}");
        }
    }
}
