//! The dial for what goes wrong at an endpoint.

use std::{collections::HashMap, fmt, io, time::Duration};

use futures_util::{StreamExt as _, stream};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use parking_lot::Mutex;

use crate::{
    journal::Endpoint,
    wire::{self, Body},
};

/// What an endpoint does instead of, or to, its answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Waits, then answers as it would have.
    Delay(Duration),
    /// Answers with this status, these headers and this body, which is JSON unless the headers give another type.
    Status(u16, Vec<(String, String)>, String),
    /// Answers 200 and `application/json`, but the body is a web page.
    Garbage,
    /// Closes the connection without an answer.
    HangUp,
    /// Never answers and keeps the connection open.
    Silence,
    /// Answers 200 with a JSON string of this many bytes, of no announced length.
    HugeBody(usize),
    /// Answers as it would have, `bytes` at a time with `pause` before each piece.
    DripBody {
        /// The size of a piece.
        bytes: usize,
        /// The time before each piece.
        pause: Duration,
    },
    /// Answers as it would have, but closes the connection half-way through the body.
    CutShort,
}

impl Fault {
    /// The plain status without headers and with an empty body.
    pub fn status(status: u16) -> Self {
        Self::Status(status, Vec::new(), String::new())
    }
}

/// The faults dialled at the moment: at most one for each endpoint.
#[derive(Default)]
pub struct Faults(Mutex<HashMap<Endpoint, Dialled>>);

struct Dialled {
    fault: Fault,
    /// `None`: until it is cleared.
    times: Option<usize>,
}

impl Faults {
    /// Every request to `endpoint` meets `fault`, until this is changed or cleared.
    pub fn set(&self, endpoint: Endpoint, fault: Fault) {
        self.0.lock().insert(endpoint, Dialled { fault, times: None });
    }

    /// The next `times` requests to `endpoint` meet `fault`; later ones are answered normally.
    pub fn set_times(&self, endpoint: Endpoint, fault: Fault, times: usize) {
        self.0.lock().insert(endpoint, Dialled { fault, times: Some(times) });
    }

    /// All endpoints answer normally again.
    pub fn clear(&self) {
        self.0.lock().clear();
    }

    /// The fault for a request that has just arrived.
    pub(crate) fn take(&self, endpoint: Endpoint) -> Option<Fault> {
        let mut dialled = self.0.lock();
        let entry = dialled.get_mut(&endpoint)?;
        match &mut entry.times {
            None => Some(entry.fault.clone()),
            Some(0) => None,
            Some(times) => {
                *times -= 1;
                Some(entry.fault.clone())
            }
        }
    }
}

/// The connection is to be closed without an answer.
#[derive(Debug)]
pub(crate) struct HungUp;

impl fmt::Display for HungUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed by a dialled fault")
    }
}

impl std::error::Error for HungUp {}

/// Answers a request the way `fault` says; `answer` makes the normal answer where one is needed.
pub(crate) async fn answer_with(
    fault: Fault,
    answer: impl FnOnce() -> Response<Body>,
) -> Result<Response<Body>, HungUp> {
    match fault {
        Fault::Delay(time) => {
            tokio::time::sleep(time).await;
            Ok(answer())
        }
        Fault::Status(status, headers, body) => Ok(with_status(status, headers, body)),
        Fault::Garbage => Ok(wire::answer(
            StatusCode::OK,
            "application/json; charset=utf-8",
            "<!DOCTYPE html><title>Proxy</title><p>Please sign in to the network.",
        )),
        Fault::HangUp => Err(HungUp),
        Fault::Silence => std::future::pending().await,
        Fault::HugeBody(length) => Ok(huge(length)),
        Fault::DripBody { bytes, pause } => Ok(dripped(answer(), bytes, pause).await),
        Fault::CutShort => Ok(cut_short(answer()).await),
    }
}

fn with_status(status: u16, headers: Vec<(String, String)>, body: String) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = wire::answer(status, "application/json; charset=utf-8", body);
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

fn huge(length: usize) -> Response<Body> {
    const PIECE: usize = 16 * 1024;
    let quote = || stream::iter([Bytes::from_static(b"\"")]);
    let filling = stream::iter((0..length.saturating_sub(2)).step_by(PIECE))
        .map(move |start| Bytes::from(vec![b'x'; PIECE.min(length - 2 - start)]));
    let pieces = quote().chain(filling).chain(quote());
    let mut response = wire::answer(StatusCode::OK, "application/json; charset=utf-8", Bytes::new());
    *response.body_mut() = StreamBody::new(pieces.map(|piece| Ok(Frame::data(piece)))).boxed_unsync();
    response
}

async fn dripped(answer: Response<Body>, bytes: usize, pause: Duration) -> Response<Body> {
    let (head, body) = into_bytes(answer).await;
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

async fn cut_short(answer: Response<Body>) -> Response<Body> {
    let (head, mut body) = into_bytes(answer).await;
    let half = body.split_to(body.len() / 2);
    let broken = io::Error::new(io::ErrorKind::ConnectionAborted, "cut short by a dialled fault");
    // The pause lets the half reach the client before the connection goes.
    let pieces = stream::iter([Ok(Frame::data(half))]).chain(stream::once(async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(broken)
    }));
    Response::from_parts(head, StreamBody::new(pieces).boxed_unsync())
}

async fn into_bytes(answer: Response<Body>) -> (http::response::Parts, Bytes) {
    let (head, body) = answer.into_parts();
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
