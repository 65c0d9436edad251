//! The bodies of messages, in both directions.

use std::{cell::Cell, time::Duration};

use bytes::Bytes;
use entra_obo::{
    host::{SendFault, UpstreamBody},
    toolkit::race,
};
use spin_sdk::{
    time,
    wasip3::{
        http::types::{self, ErrorCode, Trailers},
        wit_future, wit_stream,
    },
    wit_bindgen::{self, FutureReader, FutureWriter, StreamReader, StreamResult, StreamWriter},
};

use crate::fault::fault_of;

/// How often a task yields before it hands a message to the host. The body's first piece has then been written, and
/// Spin sends it in one packet with the head; otherwise it follows alone, and waits 40 ms for the other side to
/// acknowledge the head.
const YIELDS_BEFORE_SENDING: usize = 2;

/// How often a task yields before a call of the store, while bodies that were handed to the host are not written yet.
///
/// The host attaches a body's reader after the handler has returned. If another task of the instance calls the store in
/// between, which blocks the thread on SQLite, the head is sent without the body. A yield costs some microseconds, and
/// a slow reader of a body must not delay the store.
const YIELDS_BEFORE_STORE: usize = 16;

thread_local! {
    /// Bodies that were handed to the host and not written yet.
    static UNWRITTEN: Cell<usize> = const { Cell::new(0) };
}

/// A streamed response ends after this time and this many bytes, because it holds an upstream connection all the while.
/// Graph's largest photos have 4 MB.
const STREAM_TIMEOUT: Duration = Duration::from_secs(120);
const MAX_STREAM_BYTES: usize = 64 * 1024 * 1024;

/// A reader that takes nothing for this long has stalled. Others need what it holds.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of a body is read at once.
const READ_BYTES: usize = 16 * 1024;

/// See [`YIELDS_BEFORE_SENDING`].
pub(crate) async fn let_body_begin() {
    for _ in 0..YIELDS_BEFORE_SENDING {
        wit_bindgen::yield_async().await;
    }
}

/// See [`YIELDS_BEFORE_STORE`].
pub(crate) async fn let_bodies_be_written() {
    for _ in 0..YIELDS_BEFORE_STORE {
        if UNWRITTEN.get() == 0 {
            return;
        }
        wit_bindgen::yield_async().await;
    }
}

/// The writing end of a message's body.
pub(crate) struct OutgoingBody {
    contents: Option<StreamWriter<u8>>,
    end: FutureWriter<BodyEnd>,
    unwritten: Option<Unwritten>,
}

/// Counts a body until its first piece is written, or until it is dropped.
struct Unwritten;

impl Unwritten {
    fn new() -> Self {
        UNWRITTEN.set(UNWRITTEN.get().saturating_add(1));
        Self
    }
}

impl Drop for Unwritten {
    fn drop(&mut self) {
        UNWRITTEN.set(UNWRITTEN.get().saturating_sub(1));
    }
}

/// Trailers, of which there are none here, or why a body broke off.
pub(crate) type BodyEnd = Result<Option<Trailers>, ErrorCode>;

pub(crate) fn is_whole() -> BodyEnd {
    Ok(None)
}

pub(crate) fn is_cut() -> BodyEnd {
    Err(ErrorCode::InternalError(None))
}

impl OutgoingBody {
    /// A body, and the ends that the host reads. `unless_said` gives its end if none is written.
    pub(crate) fn new(
        is_empty: bool,
        unless_said: fn() -> BodyEnd,
    ) -> (Self, Option<StreamReader<u8>>, FutureReader<BodyEnd>) {
        let (end, end_reader) = wit_future::new(unless_said);
        let (contents, contents_reader) = (!is_empty).then(wit_stream::new).unzip();
        let unwritten = (!is_empty).then(Unwritten::new);
        (Self { contents, end, unwritten }, contents_reader, end_reader)
    }

    /// Writes `bytes`. A reader that no longer wants them is not an error.
    pub(crate) async fn write(self, bytes: Bytes) {
        let Self { contents: Some(mut contents), unwritten: _unwritten, .. } = self else { return };
        // What fits into the host's own buffers is taken at once, and a timer costs as much as verifying a signature.
        if bytes.len() <= READ_BYTES {
            contents.write_all(bytes.into()).await;
        } else {
            let _ = race(time::sleep(STREAM_TIMEOUT), contents.write_all(bytes.into())).await;
        }
    }

    /// Writes `begun` and what follows. If that takes too long, the body ends in an error, so that its reader knows
    /// that it is cut.
    pub(crate) async fn stream(self, begun: Bytes, mut rest: IncomingBody) {
        let Self { contents: Some(mut contents), end, mut unwritten } = self else { return };
        let copying = async {
            let mut allowance = MAX_STREAM_BYTES;
            let mut next = Some(Ok(begun));
            while let Some(piece) = next {
                let piece = piece?;
                allowance = allowance.checked_sub(piece.len()).ok_or(ErrorCode::HttpResponseBodySize(None))?;
                let written = race(time::sleep(STALL_TIMEOUT), contents.write_all(piece.into())).await;
                unwritten = None;
                if !written.map_err(|_| ErrorCode::HttpResponseTimeout)?.is_empty() {
                    break;
                }
                next = rest.read().await;
            }
            Ok(None)
        };
        let copied = race(time::sleep(STREAM_TIMEOUT), copying).await.unwrap_or(Err(ErrorCode::HttpResponseTimeout));
        // Before the contents end.
        let _ = end.write(copied).await;
    }
}

/// The body of an upstream's response.
#[derive(Debug)]
pub struct IncomingBody {
    contents: StreamReader<u8>,
    /// Until the contents have ended.
    end: Option<FutureReader<BodyEnd>>,
    /// Says that the body was taken, when it is dropped.
    _taken: FutureWriter<Result<(), ErrorCode>>,
}

impl IncomingBody {
    pub(crate) fn new(response: types::Response) -> Self {
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
