//! The HTTP listener: accepts connections, and passes their requests to the dispatcher.

use std::{sync::Arc, time::Duration};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    net::TcpListener,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::dispatcher::Dispatcher;

/// How long requests in progress may take when the host stops.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves until `stopping` is cancelled, then lets the requests in progress finish.
pub(super) async fn serve(listener: TcpListener, dispatcher: Arc<Dispatcher>, stopping: CancellationToken) {
    let mut connections = JoinSet::new();
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.cancelled() => break,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, client)) = accepted else {
            // Probably out of file descriptors: wait for connections to close.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        // TCP_NODELAY is off, as in Spin: the second part of a response waits for the client's ACK of the first.
        let dispatcher = Arc::clone(&dispatcher);
        let service = service_fn(move |request| {
            let dispatcher = Arc::clone(&dispatcher);
            async move { dispatcher.respond(client, request).await }
        });
        let connection =
            Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).into_owned();
        connections.spawn(graceful.watch(connection));
    }
    drop(listener);
    let _ = timeout(DRAIN, graceful.shutdown()).await;
}
