//! One server: accepts connections, and for each request keeps the order receive, record, fault, answer.

use std::{sync::Arc, time::Duration};

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::{body, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    directory::Directory,
    entra,
    faults::{self, HungUp},
    graph,
    journal::{Endpoint, Service},
    key_vault,
    wire::{self, Body, Incoming},
};

/// Far above any legitimate request: tokens are a few kilobytes.
const LONGEST_BODY: usize = 1024 * 1024;

/// Serves `service` until the task that runs this is aborted, which also ends all its connections.
pub(crate) async fn serve(listener: TcpListener, service: Service, directory: Arc<Directory>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve_connection(stream, service, Arc::clone(&directory)));
            }
            // Out of file descriptors, most likely: give the connections time to end.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_connection(stream: TcpStream, service: Service, directory: Arc<Directory>) {
    // Without this, an answer written in two pieces waits for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| answer(request, service, Arc::clone(&directory)));
    // An error here is a client that left, or a connection that a fault closed.
    let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), answer).await;
}

async fn answer(
    request: Request<body::Incoming>,
    service: Service,
    directory: Arc<Directory>,
) -> Result<Response<Body>, HungUp> {
    let Some(incoming) = receive(request).await else {
        return Ok(wire::answer(
            StatusCode::PAYLOAD_TOO_LARGE,
            "text/plain",
            "The body is too large or ended early.\n",
        ));
    };
    let endpoint = endpoint(service, &incoming);
    directory.journal.record(service, endpoint, &incoming);
    let answer = || match service {
        Service::Entra => entra::answer(&directory, &incoming),
        Service::Graph => graph::answer(&directory, &incoming),
        Service::KeyVault => key_vault::answer(&directory, &incoming),
    };
    match directory.faults.take(endpoint) {
        Some(fault) => faults::answer_with(fault, answer).await,
        None => Ok(answer()),
    }
}

async fn receive(request: Request<body::Incoming>) -> Option<Incoming> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LONGEST_BODY).collect().await.ok()?.to_bytes();
    Some(Incoming { method: head.method, uri: head.uri, headers: head.headers, body })
}

fn endpoint(service: Service, incoming: &Incoming) -> Endpoint {
    match service {
        Service::Entra => entra::endpoint(incoming),
        Service::Graph => graph::endpoint(incoming),
        Service::KeyVault => key_vault::endpoint(incoming),
    }
}
