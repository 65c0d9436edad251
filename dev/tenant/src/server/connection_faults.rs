//! Faults below HTTP, which affect whole connections to a service.

use std::{io, time::Duration};

use serde::{Deserialize, Deserializer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep,
};
use tokio_rustls::server::TlsStream;

use super::{
    http2_frames::{self, EndlessFrames, Script},
    reset_code::ResetCode,
    tls::Tls,
};

/// What a service does to the connections that it accepts. Faults that need TLS or HTTP/2 only take effect over
/// `https` alone; without it, such a connection is a normal one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionFault {
    /// Closes once the client has sent something.
    HangUp,
    /// Responds to the first bytes with a text that is neither TLS nor HTTP, and closes.
    Gibberish,
    /// Responds to the client's first bytes with TLS's fatal alert `handshake_failure` (RFC 8446 section 6.2).
    Alert,
    /// Waits before it responds to the client's first bytes.
    SlowHandshake(#[serde(deserialize_with = "milliseconds")] Duration),
    /// Shows a certificate that expired years ago.
    ExpiredCertificate,
    /// Shows a certificate of an untrusted authority.
    ForeignCertificate,
    /// Shows a certificate for another host.
    MisnamedCertificate,
    /// Refuses all requests of the connection by HTTP/2's `GOAWAY` (RFC 9113 section 6.8), as if none had been
    /// processed.
    GoAway(ResetCode),
    /// Sends HTTP/2 frames without end, with this pause between them, and no response.
    Endless(EndlessFrames, #[serde(deserialize_with = "milliseconds")] Duration),
}

/// A time in milliseconds.
pub(super) fn milliseconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u64::deserialize(from).map(Duration::from_millis)
}

const ALERT: &[u8] = b"\x15\x03\x03\x00\x02\x02\x28";
const GIBBERISH: &[u8] = b"220 mail.example ESMTP\r\n";

/// A connection on which HTTP can be spoken.
pub(crate) enum Opened {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Opens a connection, applying `fault`. `None`: the fault has already ended the connection.
///
/// # Errors
/// When the connection breaks, often because the client rejects what it receives.
pub(crate) async fn open(
    mut stream: TcpStream,
    tls: Option<&Tls>,
    fault: Option<ConnectionFault>,
) -> io::Result<Option<Opened>> {
    let first_answer = match (fault, tls) {
        (Some(ConnectionFault::HangUp), _) => Some(&[][..]),
        (Some(ConnectionFault::Gibberish), _) => Some(GIBBERISH),
        (Some(ConnectionFault::Alert), Some(_)) => Some(ALERT),
        _ => None,
    };
    if let Some(bytes) = first_answer {
        end_with(&mut stream, bytes).await?;
        return Ok(None);
    }
    let Some(tls) = tls else { return Ok(Some(Opened::Plain(stream))) };
    if let Some(ConnectionFault::SlowHandshake(time)) = fault {
        sleep(time).await;
    }
    let acceptor = match fault {
        Some(ConnectionFault::ExpiredCertificate) => &tls.expired,
        Some(ConnectionFault::ForeignCertificate) => &tls.foreign,
        Some(ConnectionFault::MisnamedCertificate) => &tls.misnamed,
        _ => &tls.right,
    };
    let stream = acceptor.accept(stream).await?;
    let script = match fault {
        Some(ConnectionFault::GoAway(code)) => Script::GoAway(code),
        Some(ConnectionFault::Endless(frames, pause)) => Script::Endless(frames, pause),
        _ => return Ok(Some(Opened::Tls(Box::new(stream)))),
    };
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Ok(Some(Opened::Tls(Box::new(stream))));
    }
    http2_frames::serve(stream, script).await?;
    Ok(None)
}

async fn end_with(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let mut first = [0; 16 * 1024];
    // How much the client has sent so far does not matter.
    let _ = stream.read(&mut first).await?;
    stream.write_all(bytes).await?;
    stream.shutdown().await
}
