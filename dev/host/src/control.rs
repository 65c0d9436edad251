//! Control of a running host: moves the clock of its components, and measures their memory.
//!
//! A client sends lines of JSON to a Unix socket. Each line is an [`Order`], and the host responds to each with a line: its
//! [`Memory`](super::memory::Memory) at that moment.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    task::JoinSet,
    time::sleep,
};

use super::{clock::WallClock, memory::MemoryMeter};

/// What a client asks for.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    /// How many seconds the components' clock should be ahead of this machine's. Without it, the clock stays as it is.
    seconds_ahead: Option<i64>,
}

/// Listens at `socket`.
///
/// # Errors
/// If the socket cannot be made.
pub(super) fn listen(socket: &Path) -> Result<UnixListener> {
    UnixListener::bind(socket).with_context(|| format!("cannot listen at {}", socket.display()))
}

/// Obeys clients until it is dropped.
pub(super) async fn obey(listener: UnixListener, clock: WallClock, memory: MemoryMeter) {
    let mut clients = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Probably out of file descriptors: wait for connections to close.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        clients.spawn(obey_one(stream, clock.clone(), memory.clone()));
        // Those that have ended.
        while clients.try_join_next().is_some() {}
    }
}

/// Ends with the first line that is no order.
async fn obey_one(stream: UnixStream, clock: WallClock, memory: MemoryMeter) {
    let (orders, mut responses) = stream.into_split();
    let mut orders = BufReader::new(orders).lines();
    while let Ok(Some(line)) = orders.next_line().await {
        let Ok(Order { seconds_ahead }) = serde_json::from_str(&line) else { return };
        if let Some(seconds) = seconds_ahead {
            clock.set_ahead(seconds);
        }
        let Ok(mut response) = serde_json::to_vec(&memory.read()) else { return };
        response.push(b'\n');
        if responses.write_all(&response).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use wasmtime_wasi::HostWallClock;

    use super::*;

    #[tokio::test]
    async fn the_clock_moves_and_the_memory_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control");
        let clock = WallClock::default();
        let before = clock.now();
        tokio::spawn(obey(listen(&socket).unwrap(), clock.clone(), MemoryMeter::default()));
        let (responses, mut orders) = UnixStream::connect(&socket).await.unwrap().into_split();
        let mut responses = BufReader::new(responses).lines();
        orders.write_all(b"{}\n{\"seconds_ahead\":3600}\n").await.unwrap();
        for _ in 0..2 {
            let response = responses.next_line().await.unwrap();
            assert_eq!(response.as_deref(), Some(r#"{"instances":0,"bytes":0,"largest_instance":0}"#));
        }
        assert!((clock.now() - before).as_secs() >= 3600);
        orders.write_all(b"{\"unknown\":1}\n").await.unwrap();
        assert_eq!(responses.next_line().await.unwrap(), None);
    }
}
