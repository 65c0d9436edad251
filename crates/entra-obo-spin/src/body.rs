//! The bodies of messages, in both directions.

use std::{
    fmt,
    pin::{Pin, pin},
    time::Duration,
};

use bytes::Bytes;
use entra_obo::{
    host::{SendFault, UpstreamBody},
    toolkit::{Body, Elapsed, race},
};
use http::HeaderMap;
use spin_sdk::{
    time,
    wasip3::{
        http::types::{self, ErrorCode, Trailers},
        wit_future, wit_stream,
    },
    wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamResult, StreamWriter},
};

use crate::{
    fault::fault_of,
    handover::{AwaitedReader, Handover},
    headers::{copy_all, fields_of},
};

/// The longest that a whole body may take to be written, and the time of a streamed one unless [`StreamLimits`] says
/// otherwise.
const STREAM_TIMEOUT: Duration = Duration::from_secs(120);

/// Limits of a body that is passed on as it arrives. Its upstream connection is held all the while.
#[derive(Debug, Clone, Copy)]
pub struct StreamLimits {
    /// It ends after this time, whatever is still to come.
    pub time: Option<Duration>,
    /// It ends after this many bytes.
    pub bytes: u64,
    /// A sender that gives nothing for this long has stalled.
    pub idle: Duration,
    /// A reader that takes nothing for this long has stalled. What it holds is needed by others.
    pub stall: Duration,
}

/// Graph's largest photos have 4 MB.
pub(crate) const OF_SERVE: StreamLimits = StreamLimits {
    time: Some(STREAM_TIMEOUT),
    bytes: 64 * 1024 * 1024,
    idle: STREAM_TIMEOUT,
    stall: Duration::from_secs(10),
};

/// How long the error in which a body ends is withheld. A host that has not yet sent the head, or what came before the error,
/// drops both as soon as it learns of it, and the reader learns nothing at all.
const PAUSE_BEFORE_BREAK: Duration = Duration::from_millis(100);

/// How often to check that a watched reader is still there while nothing arrives. Until it is found to have left, the
/// sender's connection, and perhaps its instance, are kept for it.
const PRESENCE_INTERVAL: Duration = Duration::from_secs(5);

/// How much of a body is read at once.
const READ_BYTES: usize = 16 * 1024;

/// What a body contains.
#[derive(Clone, Copy)]
pub(crate) enum Contents {
    /// Nothing.
    None,
    /// A first piece that is there, and perhaps more.
    Begun,
    /// Whatever arrives later.
    Later,
}

impl Contents {
    pub(crate) fn of<B, G>(body: &Body<B, G>) -> Self {
        match body {
            Body::Whole(bytes) => Self::of_whole(bytes),
            Body::Streamed(begun, ..) if begun.is_empty() => Self::Later,
            Body::Streamed(..) => Self::Begun,
        }
    }

    pub(crate) fn of_whole(bytes: &Bytes) -> Self {
        if bytes.is_empty() { Self::None } else { Self::Begun }
    }
}

/// The writing end of a message's body.
pub(crate) struct OutgoingBody {
    contents: Option<StreamWriter<u8>>,
    end: FutureWriter<BodyEnd>,
    awaited: AwaitedReader,
}

/// What the host reads of a body: its contents, unless there are none, and its end.
pub(crate) type BodyReaders = (Option<StreamReader<u8>>, FutureReader<BodyEnd>);

/// Trailers, if there are any, or why a body is incomplete.
pub(crate) type BodyEnd = Result<Option<Trailers>, ErrorCode>;

pub(crate) fn is_whole() -> BodyEnd {
    Ok(None)
}

pub(crate) fn is_cut() -> BodyEnd {
    Err(ErrorCode::InternalError(None))
}

impl OutgoingBody {
    /// A body, the handover of its message, and what the host reads. `unless_said` gives the body's end if none is
    /// written.
    pub(crate) fn new(contents: Contents, unless_said: fn() -> BodyEnd) -> (Self, Handover, BodyReaders) {
        let (end, end_reader) = wit_future::new(unless_said);
        let (handover, awaited) = Handover::new(matches!(contents, Contents::Begun));
        let (contents, contents_reader) = (!matches!(contents, Contents::None)).then(wit_stream::new).unzip();
        (Self { contents, end, awaited }, handover, (contents_reader, end_reader))
    }

    /// Writes `bytes`. A reader that no longer wants them is not an error.
    pub(crate) async fn write(self, bytes: Bytes) {
        let Self { contents: Some(mut contents), awaited: _awaited, .. } = self else { return };
        // What fits into the host's own buffers is taken at once, and a timer costs as much as verifying a signature.
        if bytes.len() <= READ_BYTES {
            contents.write_all(bytes.into()).await;
        } else {
            let _ = race(time::sleep(STREAM_TIMEOUT), contents.write_all(bytes.into())).await;
        }
    }

    /// Writes `begun` and what follows, then the trailers. If that takes too long, the body ends in an error, so that its
    /// reader knows that it is cut.
    pub(crate) async fn stream<B: UpstreamBody>(self, begun: Bytes, mut rest: B, passing: Passing<B>) {
        let Passing { limits, next, trailers } = passing;
        let Self { contents: Some(mut contents), end, awaited } = self else { return };
        let copying = async {
            let mut allowance = limits.bytes;
            let mut awaited = Some(awaited);
            let mut piece =
                if begun.is_empty() { next(&mut rest, &mut contents, limits.idle).await } else { Some(Ok(begun)) };
            while let Some(some) = piece {
                let some = some?;
                let length = some.len().try_into().unwrap_or(u64::MAX);
                allowance = allowance.checked_sub(length).ok_or(ErrorCode::HttpResponseBodySize(None))?;
                let written = race(time::sleep(limits.stall), contents.write_all(some.into())).await;
                drop(awaited.take());
                if !written.map_err(|_| ErrorCode::HttpResponseTimeout)?.is_empty() {
                    // The reader has stopped reading.
                    return Ok(None);
                }
                piece = next(&mut rest, &mut contents, limits.idle).await;
            }
            Ok(trailers(&mut rest))
        };
        let copied = match limits.time {
            Some(time) => race(time::sleep(time), copying).await.unwrap_or(Err(ErrorCode::HttpResponseTimeout)),
            None => copying.await,
        };
        drop(rest);
        if copied.is_err() {
            time::sleep(PAUSE_BEFORE_BREAK).await;
        }
        // Before the contents end.
        let _ = end.write(copied).await;
    }
}

/// How a body is passed on. These are function pointers, so that a component contains only the code that it uses.
pub(crate) struct Passing<B> {
    pub(crate) limits: StreamLimits,
    pub(crate) next: NextPiece<B>,
    pub(crate) trailers: TakeTrailers<B>,
}

impl<B> Clone for Passing<B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Passing<B> {}

/// Takes the trailers that are passed on. The code to parse their names takes 12 kB.
type TakeTrailers<B> = fn(&mut B) -> Option<Trailers>;

pub(crate) fn no_trailers<B>(_rest: &mut B) -> Option<Trailers> {
    None
}

pub(crate) fn all_trailers<B: UpstreamBody>(rest: &mut B) -> Option<Trailers> {
    rest.trailers().and_then(|trailers| fields_of(&trailers).ok())
}

/// Waits for the next piece of a body that is written to a stream, for at most the given time.
type NextPiece<B> =
    for<'a> fn(&'a mut B, &'a mut StreamWriter<u8>, Duration) -> Pin<Box<dyn Future<Output = Option<Piece>> + 'a>>;

type Piece = Result<Bytes, ErrorCode>;

pub(crate) fn next_in_time<'a, B: UpstreamBody>(
    body: &'a mut B,
    _contents: &'a mut StreamWriter<u8>,
    idle: Duration,
) -> Pin<Box<dyn Future<Output = Option<Piece>> + 'a>> {
    Box::pin(async move { piece_of(race(time::sleep(idle), body.next()).await) })
}

/// Like [`next_in_time`], but the body also ends when its reader has left. The reader must tolerate empty pieces.
pub(crate) fn next_while_read<'a, B: UpstreamBody>(
    body: &'a mut B,
    contents: &'a mut StreamWriter<u8>,
    idle: Duration,
) -> Pin<Box<dyn Future<Output = Option<Piece>> + 'a>> {
    Box::pin(async move {
        let mut next = pin!(body.next());
        let mut next_within = async |time| race(time::sleep(time), next.as_mut()).await;
        // Most pieces arrive within the interval. A timer for `idle` as well would cost as much as verifying a signature.
        let first = PRESENCE_INTERVAL.min(idle);
        if let Ok(next) = next_within(first).await {
            return piece_of(Ok(next));
        }
        let watching = async {
            loop {
                // Only a write learns from the host that the reader has left. It is never dropped before another write:
                // wit-bindgen would not notice that the reader has left meanwhile, and the host traps on a write after that.
                // A reader that is slow, and for whom nothing is there, may take its time until `idle` ends.
                let (StreamResult::Complete(_), _) = contents.write(Vec::new()).await else { return None };
                if let Ok(next) = next_within(PRESENCE_INTERVAL).await {
                    return next;
                }
            }
        };
        piece_of(race(time::sleep(idle.saturating_sub(first)), watching).await)
    })
}

fn piece_of(next: Result<Option<Result<Bytes, SendFault>>, Elapsed>) -> Option<Piece> {
    match next {
        Ok(next) => next.map(|piece| piece.map_err(|_| ErrorCode::HttpResponseIncomplete)),
        Err(Elapsed) => Some(Err(ErrorCode::HttpResponseTimeout)),
    }
}

/// The body of an upstream's response, or of a request to the component.
pub struct IncomingBody {
    /// What the next piece is read by, until the end. It is kept while nobody waits for it, because dropping it could lose
    /// what has just arrived.
    reading: Option<Pin<Box<dyn Future<Output = Read>>>>,
    trailers: Option<Trailers>,
}

/// What is still to be read of a body.
struct Unread {
    contents: StreamReader<u8>,
    end: FutureReader<BodyEnd>,
    /// Says that the body was taken, when it is dropped.
    _taken: FutureWriter<Result<(), ErrorCode>>,
}

enum Read {
    Piece(Bytes, Unread),
    End(BodyEnd),
}

impl Unread {
    fn new(
        consume: impl FnOnce(FutureReader<Result<(), ErrorCode>>) -> (StreamReader<u8>, FutureReader<BodyEnd>),
    ) -> Self {
        let (taken, taken_reader) = wit_future::new(|| Ok(()));
        let (contents, end) = consume(taken_reader);
        Self { contents, end, _taken: taken }
    }

    async fn read(mut self) -> Read {
        let (result, piece) = self.contents.read(Vec::with_capacity(READ_BYTES)).await;
        match result {
            StreamResult::Complete(_) => Read::Piece(piece.into(), self),
            StreamResult::Dropped | StreamResult::Cancelled => Read::End(self.end.await),
        }
    }
}

impl IncomingBody {
    pub(crate) fn of_response(response: types::Response) -> Self {
        Self::read_by(async { Unread::new(|taken| types::Response::consume_body(response, taken)).read().await })
    }

    pub(crate) fn of_request(request: types::Request) -> Self {
        Self::read_by(async { Unread::new(|taken| types::Request::consume_body(request, taken)).read().await })
    }

    /// A future does nothing before it is first waited for. So a body that nobody reads costs none of the ten or so calls of
    /// the host that a stream takes.
    fn read_by(reading: impl Future<Output = Read> + 'static) -> Self {
        Self { reading: Some(Box::pin(reading)), trailers: None }
    }

    async fn read(&mut self) -> Option<Result<Bytes, ErrorCode>> {
        let read = self.reading.as_mut()?.await;
        self.reading = None;
        match read {
            Read::Piece(piece, unread) => {
                self.reading = Some(Box::pin(unread.read()));
                Some(Ok(piece))
            }
            Read::End(Ok(trailers)) => {
                self.trailers = trailers;
                None
            }
            Read::End(Err(code)) => Some(Err(code)),
        }
    }
}

impl fmt::Debug for IncomingBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("IncomingBody").finish_non_exhaustive()
    }
}

impl UpstreamBody for IncomingBody {
    async fn next(&mut self) -> Option<Result<Bytes, SendFault>> {
        Some(self.read().await?.map_err(fault_of))
    }

    fn trailers(&mut self) -> Option<HeaderMap> {
        self.trailers.take().map(|trailers| copy_all(&trailers))
    }
}
