//! One connection, which its requests can end.

use std::{os::fd::OwnedFd, pin::pin, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::{body, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use rustix::net::sockopt::set_socket_linger;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};

use crate::wire::{Broken, ResponseBody};

/// Ends a connection, and gives access to its socket for faults that HTTP cannot express.
#[derive(Clone)]
pub(crate) struct Connection {
    ending: watch::Sender<Ending>,
    socket: Arc<OwnedFd>,
}

#[derive(Clone, Copy)]
enum Ending {
    /// Undecided.
    Open,
    /// After the requests under way.
    Soon,
    /// Now.
    Now,
}

impl Connection {
    /// Accepts no further requests.
    pub(crate) fn retire(&self) {
        self.ending.send_replace(Ending::Soon);
    }

    /// Ends at once, whatever is under way.
    pub(crate) fn close(&self) {
        self.ending.send_replace(Ending::Now);
    }

    /// Ends at once by a reset (TCP RST) instead of an orderly close.
    pub(crate) fn reset(&self) {
        // If the option cannot be set, the socket is already closed.
        let _ = set_socket_linger(&self.socket, Some(Duration::ZERO));
        self.close();
    }

    /// Writes past HTTP, and TLS where there is any.
    pub(crate) fn write(&self, bytes: &[u8]) {
        // A few bytes fit into the socket's buffer, or the other side has left.
        let _ = rustix::io::write(&self.socket, bytes);
    }
}

/// Speaks HTTP/1.1, with names of headers in title case or in lower case, or HTTP/2, whichever the client begins with, until either side ends it.
pub(crate) async fn serve<A>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    socket: Arc<OwnedFd>,
    has_title_case: bool,
    response: impl Fn(Request<body::Incoming>, Connection) -> A,
) where
    A: Future<Output = Result<Response<ResponseBody>, Broken>> + Send + 'static,
{
    let connection = Connection { ending: watch::Sender::new(Ending::Open), socket };
    let mut endings = connection.ending.subscribe();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).title_case_headers(has_title_case);
    let service = service_fn(|request| response(request, connection.clone()));
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    loop {
        tokio::select! {
            // An error is a client that left.
            _ = serving.as_mut() => return,
            // This cannot fail: `connection` holds the sender.
            _ = endings.changed() => {}
        }
        match *endings.borrow_and_update() {
            Ending::Open => {}
            Ending::Soon => serving.as_mut().graceful_shutdown(),
            Ending::Now => return,
        }
    }
}
