//! One connection, which its requests can end.

use std::pin::pin;

use http::{Request, Response};
use hyper::{body, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};

use crate::wire::{Body, Broken};

/// The end of a connection, as far as it is decided.
#[derive(Clone)]
pub(crate) struct Connection(watch::Sender<Ending>);

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
    /// Takes no further requests.
    pub(crate) fn retire(&self) {
        self.0.send_replace(Ending::Soon);
    }

    /// Ends at once, whatever is under way.
    pub(crate) fn close(&self) {
        self.0.send_replace(Ending::Now);
    }
}

/// Speaks HTTP/1.1, with names of headers in title case or in lower case, or HTTP/2, whichever the client begins with, until either side ends it.
pub(crate) async fn serve<A>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    has_title_case: bool,
    answer: impl Fn(Request<body::Incoming>, Connection) -> A,
) where
    A: Future<Output = Result<Response<Body>, Broken>> + Send + 'static,
{
    let connection = Connection(watch::Sender::new(Ending::Open));
    let mut endings = connection.0.subscribe();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).title_case_headers(has_title_case);
    let service = service_fn(|request| answer(request, connection.clone()));
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    loop {
        tokio::select! {
            // An error is a client that left.
            _ = serving.as_mut() => return,
            // It cannot fail: the sender is at hand.
            _ = endings.changed() => {}
        }
        match *endings.borrow_and_update() {
            Ending::Open => {}
            Ending::Soon => serving.as_mut().graceful_shutdown(),
            Ending::Now => return,
        }
    }
}
