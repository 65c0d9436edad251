//! One server: accepts connections, and for each request keeps the order receive, record, fault, answer.

mod connection;
pub(crate) mod connection_faults;
pub(crate) mod faults;
mod http2_frames;
pub(crate) mod request_log;
mod reset_code;
pub(crate) mod tls;

pub use connection_faults::ConnectionFault;
pub use http2_frames::EndlessFrames;
pub use reset_code::ResetCode;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    os::fd::{AsFd as _, OwnedFd},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
};

use crate::{
    directory::Directory,
    endpoint::{Endpoint, Service},
    entra, graph, key_vault, platform,
    variety::Variety,
    wire::{self, Broken, IncomingRequest, ResponseBody},
};
use connection::Connection;
use connection_faults::Opened;
use faults::{Fault, Faults};
use request_log::RequestLog;
use tls::Tls;

/// Far above any legitimate request: tokens are a few kilobytes.
const LONGEST_BODY: usize = 1024 * 1024;

/// Before the next attempt, when the system cannot listen or accept.
const PAUSE: Duration = Duration::from_millis(50);

/// How many connections may wait to be accepted: more than any test opens at once.
const BACKLOG: u32 = 1024;

/// A reserved port. While nothing listens on it, the system refuses connections, and no other program can take it.
pub(crate) struct Port {
    address: SocketAddr,
    /// Bound, and never listens.
    _holder: TcpSocket,
}

impl Port {
    /// Takes a port on loopback; 0 takes a free one.
    ///
    /// # Errors
    /// When another program has it.
    pub(crate) fn take(port: u16) -> Result<Self> {
        let holder = bound((Ipv4Addr::LOCALHOST, port).into())?;
        let address = holder.local_addr().context("the socket has no address")?;
        Ok(Self { address, _holder: holder })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// # Errors
    /// When another program listens there.
    pub(crate) fn listen(&self) -> Result<TcpListener> {
        Ok(bound(self.address)?.listen(BACKLOG)?)
    }
}

fn bound(address: SocketAddr) -> Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Two sockets share the port, of which one listens.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// What a server needs to answer requests.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) service: Service,
    pub(crate) directory: Arc<Directory>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) requests: Arc<RequestLog>,
    /// Without it, the server speaks plain HTTP.
    pub(crate) tls: Option<Arc<Tls>>,
}

impl Server {
    /// Serves until the task that runs this is aborted, which also ends all its connections.
    ///
    /// `listener` is the first one at `port`; while the service refuses connections there is none.
    pub(crate) async fn serve(self, port: Port, listener: TcpListener) {
        let mut refusing = self.faults.refusing();
        let mut connections = JoinSet::new();
        let mut listener = Some(listener);
        loop {
            let Some(listening) = listener.take().or_else(|| port.listen().ok()) else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            tokio::select! {
                () = self.accept(&listening, &mut connections) => {}
                // The sender lives as long as the server does.
                _ = refusing.wait_for(|services| services.contains(&self.service)) => {}
            }
            drop(listening);
            let _ = refusing.wait_for(|services| !services.contains(&self.service)).await;
        }
    }

    async fn accept(&self, listener: &TcpListener, connections: &mut JoinSet<io::Result<()>>) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    connections.spawn(self.clone().serve_connection(stream));
                }
                // Out of file descriptors, most likely: give the connections time to end.
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
            while connections.try_join_next().is_some() {}
        }
    }

    /// An error here means that the client closed the connection, perhaps because of a fault.
    async fn serve_connection(self, stream: TcpStream) -> io::Result<()> {
        // Without this, an answer written in two pieces waits for the client's delayed acknowledgement.
        stream.set_nodelay(true)?;
        let socket = Arc::new(stream.as_fd().try_clone_to_owned()?);
        let closed = self.faults.connections_closed(self.service);
        let fault = self.faults.take_connection(self.service);
        let serving = async {
            match connection_faults::open(stream, self.tls.as_deref(), fault).await? {
                Some(Opened::Plain(stream)) => self.serve_http(stream, socket).await,
                Some(Opened::Tls(stream)) => self.serve_http(stream, socket).await,
                None => {}
            }
            Ok(())
        };
        tokio::select! {
            () = closed => Ok(()),
            ended = serving => ended,
        }
    }

    async fn serve_http(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, socket: Arc<OwnedFd>) {
        // Names of headers are case-insensitive (RFC 9110 section 5.1), in HTTP/1.1.
        let has_title_case = self.directory.variety.as_ref().is_some_and(Variety::chance);
        let respond = |request, connection| self.clone().respond(request, connection);
        connection::serve(stream, socket, has_title_case, respond).await;
    }

    async fn respond(
        self,
        request: Request<body::Incoming>,
        connection: Connection,
    ) -> Result<Response<ResponseBody>, Broken> {
        let version = request.version();
        let Some(incoming) = receive(request).await else {
            return Ok(wire::response(
                StatusCode::PAYLOAD_TOO_LARGE,
                "text/plain",
                "The body is too large or ended early.\n",
            ));
        };
        let Self { service, directory, faults, requests, .. } = &self;
        let endpoint = endpoint(directory, *service, &incoming);
        let status = requests.record(*service, endpoint, &incoming);
        let response = || {
            let response = match service {
                Service::Entra => entra::respond(directory, &incoming),
                Service::Graph => graph::respond(directory, &incoming),
                Service::KeyVault => key_vault::respond(directory, &incoming),
                Service::Platform => platform::respond(directory, &incoming),
            };
            match &directory.variety {
                Some(variety) => variety.vary(endpoint, version, response),
                None => response,
            }
        };
        let response = match faults.take(endpoint) {
            None => Ok(response()),
            Some(fault) => {
                if matches!(fault, Fault::LastAnswer) {
                    faults.refuse_further(*service);
                }
                faults::answer_with(fault, &connection, response).await
            }
        };
        if let Ok(response) = &response {
            status.set(response.status());
        }
        response
    }
}

/// Receives the whole request; `None` when it ends early or is too large.
pub(crate) async fn receive(request: Request<body::Incoming>) -> Option<IncomingRequest> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LONGEST_BODY).collect().await.ok()?.to_bytes();
    Some(IncomingRequest { method: head.method, uri: head.uri, headers: head.headers, body })
}

fn endpoint(directory: &Directory, service: Service, incoming: &IncomingRequest) -> Endpoint {
    match service {
        Service::Entra => entra::endpoint(incoming),
        Service::Graph => graph::endpoint(incoming),
        Service::KeyVault => key_vault::endpoint(incoming),
        Service::Platform => platform::endpoint(directory, incoming),
    }
}
