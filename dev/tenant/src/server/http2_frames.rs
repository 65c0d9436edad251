//! A minimal HTTP/2 server (RFC 9113) that works on the level of frames, to send what no library would send.

use std::{io, time::Duration};

use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::mpsc::{self, Receiver, Sender},
    time::sleep,
};

use super::reset_code::ResetCode;

/// An endless sequence of frames of one kind. Each single frame is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndlessFrames {
    /// The head of a response, then a body of empty frames without end.
    EmptyData,
    /// The head of a response, continued by empty frames without end.
    EmptyContinuation,
    /// Interim responses (RFC 9110 section 15.2), and never the final one.
    InterimAnswers,
    /// Pings, and no response.
    Pings,
    /// Settings, and no response.
    Settings,
    /// Window updates for the request's body, and no response.
    WindowUpdates,
    /// Frames of an undefined type, which clients have to ignore, and no response.
    UnknownFrames,
}

/// What is sent instead of responses.
pub(crate) enum Script {
    /// `GOAWAY` (section 6.8) with the information that no request was processed.
    GoAway(ResetCode),
    /// These frames to each request, one at a time, with a pause between them.
    Endless(EndlessFrames, Duration),
}

/// How long other requests may still arrive after the first before all of them are refused.
const GATHERING: Duration = Duration::from_millis(50);
/// How many unprocessed events are buffered before reading stops.
const EVENTS: usize = 1024;
/// The connection preface of clients (section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// `:status: 200`, `content-type: application/json` in HPACK (RFC 7541), by indexes of its static table.
const HEAD: &[u8] = b"\x88\x0f\x10\x10application/json";
/// `:status: 103` in HPACK.
const INTERIM_HEAD: &[u8] = b"\x08\x03103";

/// Follows `script` until the client closes the connection.
///
/// # Errors
/// When the connection breaks.
pub(crate) async fn serve(stream: impl AsyncRead + AsyncWrite, script: Script) -> io::Result<()> {
    let (reader, writer) = tokio::io::split(stream);
    let (events, received) = mpsc::channel(EVENTS);
    let writing = async {
        match script {
            Script::GoAway(code) => go_away(writer, received, code).await,
            Script::Endless(frames, pause) => endless(writer, received, frames, pause).await,
        }
    };
    tokio::select! {
        ended = read(reader, events) => ended,
        ended = writing => ended,
    }
}

/// What the client sent.
enum Event {
    Settings,
    Request(u32),
    Reset(u32),
}

async fn read(mut reader: impl AsyncRead + Unpin, events: Sender<Event>) -> io::Result<()> {
    let mut preface = [0; PREFACE.len()];
    reader.read_exact(&mut preface).await?;
    loop {
        let head = reader.read_u32().await?;
        let flags = reader.read_u8().await?;
        let stream = reader.read_u32().await?;
        let (length, kind) = (head >> 8, head & 0xff);
        tokio::io::copy(&mut (&mut reader).take(length.into()), &mut tokio::io::sink()).await?;
        let event = match kind {
            HEADERS => Event::Request(stream),
            RST_STREAM => Event::Reset(stream),
            SETTINGS if flags & ACK == 0 => Event::Settings,
            _ => continue,
        };
        if events.send(event).await.is_err() {
            return Ok(());
        }
    }
}

async fn go_away(
    mut writer: impl AsyncWrite + Unpin,
    mut received: Receiver<Event>,
    code: ResetCode,
) -> io::Result<()> {
    writer.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    writer.flush().await?;
    while let Some(event) = received.recv().await {
        match event {
            Event::Settings => writer.write_all(&frame(SETTINGS, ACK, 0, &[])).await?,
            Event::Reset(_) => {}
            Event::Request(_) => {
                sleep(GATHERING).await;
                let no_stream_and_code = u64::from(u32::from(code.reason())).to_be_bytes();
                writer.write_all(&frame(GOAWAY, 0, 0, &no_stream_and_code)).await?;
            }
        }
        writer.flush().await?;
    }
    Ok(())
}

async fn endless(
    mut writer: impl AsyncWrite + Unpin,
    mut received: Receiver<Event>,
    frames: EndlessFrames,
    pause: Duration,
) -> io::Result<()> {
    writer.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    writer.flush().await?;
    let mut open: Vec<u32> = Vec::new();
    loop {
        // No other frame may be sent between the fragments of a head (section 6.10).
        let is_within_head = frames == EndlessFrames::EmptyContinuation && !open.is_empty();
        let event = match open.is_empty() {
            true => received.recv().await,
            false if is_within_head => None,
            false => received.try_recv().ok(),
        };
        match event {
            Some(Event::Settings) => writer.write_all(&frame(SETTINGS, ACK, 0, &[])).await?,
            Some(Event::Reset(stream)) => open.retain(|other| *other != stream),
            Some(Event::Request(stream)) => {
                open.push(stream);
                writer.write_all(&begin(frames, stream)).await?;
            }
            None => {
                for stream in &open {
                    writer.write_all(&go_on(frames, *stream)).await?;
                }
                writer.flush().await?;
                sleep(pause).await;
                continue;
            }
        }
        writer.flush().await?;
    }
}

/// What is sent once for a request.
fn begin(frames: EndlessFrames, stream: u32) -> Vec<u8> {
    match frames {
        EndlessFrames::EmptyData => frame(HEADERS, END_HEADERS, stream, HEAD),
        EndlessFrames::EmptyContinuation => frame(HEADERS, 0, stream, HEAD),
        _ => Vec::new(),
    }
}

/// What is sent repeatedly for a request.
fn go_on(frames: EndlessFrames, stream: u32) -> Vec<u8> {
    match frames {
        EndlessFrames::EmptyData => frame(DATA, 0, stream, &[]),
        EndlessFrames::EmptyContinuation => frame(CONTINUATION, 0, stream, &[]),
        EndlessFrames::InterimAnswers => frame(HEADERS, END_HEADERS, stream, INTERIM_HEAD),
        EndlessFrames::Pings => frame(PING, 0, 0, &[0; 8]),
        EndlessFrames::Settings => frame(SETTINGS, 0, 0, &[]),
        EndlessFrames::WindowUpdates => frame(WINDOW_UPDATE, 0, stream, &[0, 0, 0, 1]),
        EndlessFrames::UnknownFrames => frame(UNKNOWN, 0, 0, &[]),
    }
}

// Types and flags of frames (section 6).
const DATA: u32 = 0x0;
const HEADERS: u32 = 0x1;
const RST_STREAM: u32 = 0x3;
const SETTINGS: u32 = 0x4;
const PING: u32 = 0x6;
const GOAWAY: u32 = 0x7;
const WINDOW_UPDATE: u32 = 0x8;
const CONTINUATION: u32 = 0x9;
const UNKNOWN: u32 = 0xf0;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// A frame (section 4.1) with a payload of less than 16 KiB.
fn frame(kind: u32, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or_default();
    [&(length << 8 | kind).to_be_bytes()[..], &[flags], &stream.to_be_bytes(), payload].concat()
}
