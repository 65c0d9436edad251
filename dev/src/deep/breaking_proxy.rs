//! A TCP proxy in front of Redis or an app, which breaks replies.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

/// What happens to replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ReplyFault {
    #[default]
    None,
    /// New connections are refused, and existing ones end.
    Refused,
    /// The connection is reset before a reply.
    Reset,
    /// There is no reply.
    Silence,
    /// A reply's first bytes, then nothing.
    HeadThenSilence,
    /// A byte at a time, slowly.
    Drip,
    /// Half a reply, then a reset.
    ResetHalfWay,
    /// Half a reply, then an orderly end.
    Truncated,
    /// An orderly end before a reply.
    Empty,
    /// These bytes instead of each reply.
    Says(&'static str),
    /// A bulk string of this many bytes instead of each reply.
    Huge(usize),
}

/// A proxy on loopback. Dropping it ends its connections.
#[derive(Debug)]
pub(super) struct BreakingProxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    received: Received,
    serving: JoinHandle<()>,
}

/// How many bytes clients have sent.
type Received = Arc<AtomicUsize>;

#[derive(Clone, Copy, Debug)]
struct State {
    target: SocketAddr,
    fault: ReplyFault,
}

const BACKLOG: u32 = 1024;
const READ_BYTES: usize = 16 * 1024;
const BETWEEN_DRIPS: Duration = Duration::from_millis(300);
/// Gives written bytes time to reach the client before the connection is reset.
const BEFORE_RESET: Duration = Duration::from_millis(20);

impl BreakingProxy {
    /// A proxy that passes everything to `target`.
    ///
    /// # Errors
    /// If there is no free port.
    pub(super) fn start(target: SocketAddr) -> Result<Self> {
        // Keeps the port while nobody listens there.
        let holder = bound((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = holder.local_addr()?;
        let listener = bound(address)?.listen(BACKLOG)?;
        let (state, states) = watch::channel(State { target, fault: ReplyFault::None });
        let received = Received::default();
        let counted = Arc::clone(&received);
        let serving = tokio::spawn(async move {
            let _holder = holder;
            serve(address, listener, states, &counted).await;
        });
        Ok(Self { address, state, received, serving })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many bytes clients have sent so far.
    pub(super) fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }

    /// Sets the fault for all further replies, including those over open connections.
    pub(super) fn set(&self, fault: ReplyFault) {
        self.state.send_modify(|state| state.fault = fault);
    }

    /// Where new connections go.
    pub(super) fn set_target(&self, target: SocketAddr) {
        self.state.send_modify(|state| state.target = target);
    }
}

impl Drop for BreakingProxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn bound(address: SocketAddr) -> Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address).context("no port for the proxy before Redis")?;
    Ok(socket)
}

async fn serve(address: SocketAddr, first: TcpListener, mut states: watch::Receiver<State>, received: &Received) {
    let refuses = |state: &State| state.fault == ReplyFault::Refused;
    let mut refusing = states.clone();
    let mut connections = JoinSet::new();
    let mut first = Some(first);
    loop {
        let Some(listener) = first.take().or_else(|| bound(address).ok()?.listen(BACKLOG).ok()) else {
            sleep(BEFORE_RESET).await;
            continue;
        };
        tokio::select! {
            () = accept(&listener, &states, received, &mut connections) => {}
            () = wait_for(&mut refusing, refuses) => {}
        }
        drop(listener);
        connections.abort_all();
        wait_for(&mut states, |state| !refuses(state)).await;
    }
}

async fn wait_for(states: &mut watch::Receiver<State>, wanted: impl FnMut(&State) -> bool) {
    // The proxy that holds the sender ends this task when it is dropped.
    let _ = states.wait_for(wanted).await;
}

async fn accept(
    listener: &TcpListener,
    states: &watch::Receiver<State>,
    received: &Received,
    connections: &mut JoinSet<()>,
) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // Probably out of file descriptors: wait for connections to close.
            sleep(BEFORE_RESET).await;
            continue;
        };
        let (states, received) = (states.clone(), Arc::clone(received));
        connections.spawn(async move {
            // Broken connections are the purpose of this proxy.
            let _ = pass_on(client, states, &received).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn pass_on(client: TcpStream, states: watch::Receiver<State>, received: &Received) -> io::Result<()> {
    let target = states.borrow().target;
    client.set_nodelay(true)?;
    let server = TcpStream::connect(target).await?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        done = request(from_client, to_server, received) => done,
        done = reply(from_server, to_client, states) => done,
    }
}

async fn request(mut client: OwnedReadHalf, mut server: OwnedWriteHalf, received: &Received) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = client.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        received.fetch_add(read, Ordering::Relaxed);
        server.write_all(buffer.get(..read).unwrap_or_default()).await?;
    }
}

async fn reply(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    states: watch::Receiver<State>,
) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = server.read(&mut buffer).await?;
        let reply = buffer.get(..read).unwrap_or_default();
        if reply.is_empty() {
            return Ok(());
        }
        let half = reply.get(..reply.len().div_ceil(2)).unwrap_or_default();
        let fault = states.borrow().fault;
        match fault {
            ReplyFault::None | ReplyFault::Refused => client.write_all(reply).await?,
            ReplyFault::Silence => {}
            ReplyFault::HeadThenSilence => {
                client.write_all(half).await?;
                std::future::pending::<()>().await;
            }
            ReplyFault::Drip => {
                for byte in reply {
                    sleep(BETWEEN_DRIPS).await;
                    client.write_all(&[*byte]).await?;
                }
            }
            ReplyFault::Truncated => return client.write_all(half).await,
            ReplyFault::Empty => return Ok(()),
            ReplyFault::Reset => return reset(client),
            ReplyFault::ResetHalfWay => {
                client.write_all(half).await?;
                sleep(BEFORE_RESET).await;
                return reset(client);
            }
            ReplyFault::Says(text) => client.write_all(text.as_bytes()).await?,
            ReplyFault::Huge(bytes) => {
                client.write_all(format!("${bytes}\r\n").as_bytes()).await?;
                client.write_all(&vec![b'x'; bytes]).await?;
                client.write_all(b"\r\n").await?;
            }
        }
    }
}

/// The connection is reset when its other half is dropped too.
fn reset(client: OwnedWriteHalf) -> io::Result<()> {
    client.as_ref().set_zero_linger()?;
    // Dropping it would first close the connection in an orderly way.
    client.forget();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that says `+PONG` to everything.
    async fn server() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut buffer = [0; 64];
                    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                        if stream.write_all(b"+PONG\r\n").await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    async fn ask(proxy: &BreakingProxy) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(proxy.address).await?;
        stream.write_all(b"PING\r\n").await?;
        let mut read = Vec::new();
        let mut buffer = [0; 1024];
        loop {
            match tokio::time::timeout(Duration::from_millis(200), stream.read(&mut buffer)).await {
                Err(_) | Ok(Ok(0)) => return Ok(read),
                Ok(Ok(count)) => read.extend_from_slice(&buffer[..count]),
                Ok(Err(error)) if read.is_empty() => return Err(error),
                Ok(Err(_)) => return Ok(read),
            }
        }
    }

    #[tokio::test]
    async fn replies_break_as_the_fault_says_and_are_whole_again_after() {
        let proxy = BreakingProxy::start(server().await).unwrap();
        assert_eq!(ask(&proxy).await.unwrap(), b"+PONG\r\n");
        assert_eq!(proxy.received(), 6);
        for (fault, expected) in [
            (ReplyFault::Silence, &b""[..]),
            (ReplyFault::HeadThenSilence, b"+PON"),
            (ReplyFault::Truncated, b"+PON"),
            (ReplyFault::ResetHalfWay, b"+PON"),
            (ReplyFault::Empty, b""),
            (ReplyFault::Says("-ERR no\r\n"), b"-ERR no\r\n"),
            (ReplyFault::Huge(4), b"$4\r\nxxxx\r\n"),
        ] {
            proxy.set(fault);
            assert_eq!(ask(&proxy).await.unwrap(), expected, "{fault:?}");
        }
        proxy.set(ReplyFault::Reset);
        assert_eq!(ask(&proxy).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        proxy.set(ReplyFault::Refused);
        sleep(Duration::from_millis(50)).await;
        assert_eq!(ask(&proxy).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        proxy.set(ReplyFault::None);
        sleep(Duration::from_millis(50)).await;
        assert_eq!(ask(&proxy).await.unwrap(), b"+PONG\r\n");
    }
}
