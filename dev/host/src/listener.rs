//! The HTTP listener: accepts requests and passes each to the component of its route, as Spin does.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Result;
use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Empty, Full};
use hyper::{
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use serde::Serialize;
use tokio::{
    net::TcpListener,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use wasmtime_wasi_http::{Error, WasiBody, handler::ProxyHandler};

use super::{
    log::Log,
    pool::InstancePool,
    request::{self, RequestContext},
    routes::{Routes, WELL_KNOWN_PREFIX},
};

/// Passes requests to components.
pub(super) struct Dispatcher {
    pub(super) info: Info,
    pub(super) routes: Routes,
    pub(super) components: BTreeMap<String, ProxyHandler<InstancePool>>,
    pub(super) log: Log,
}

/// The response to `/.well-known/spin/info`.
#[derive(Serialize)]
pub(super) struct Info {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
}

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
        let service = service_fn(move |request| respond(Arc::clone(&dispatcher), client, request));
        let connection =
            Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).into_owned();
        connections.spawn(graceful.watch(connection));
    }
    drop(listener);
    let _ = timeout(DRAIN, graceful.shutdown()).await;
}

/// # Errors
/// If the request does not name its host. This closes the connection.
async fn respond(
    dispatcher: Arc<Dispatcher>,
    client: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<WasiBody>> {
    request::strip_headers(request.headers_mut());
    let path = request.uri().path();
    if let Some(well_known) = path.strip_prefix(WELL_KNOWN_PREFIX) {
        return match well_known {
            "health" => Ok(Response::new(full("OK"))),
            "info" => {
                let info = serde_json::to_vec_pretty(&dispatcher.info)?;
                Ok(Response::builder().header(CONTENT_TYPE, "application/json").body(full(info))?)
            }
            _ => Ok(empty(StatusCode::NOT_FOUND)),
        };
    }
    let Some(route) = dispatcher.routes.find(path) else {
        return Ok(empty(StatusCode::NOT_FOUND));
    };
    let request = request::with_absolute_uri(request)?;
    let answered = match request::with_spin_headers(request, &RequestContext { route: &route, client }) {
        Ok(request) => dispatcher.ask(&route.component, request).await,
        Err(error) => Err(error),
    };
    Ok(answered.unwrap_or_else(|error| {
        dispatcher.log.host(&route.component, format_args!("a request was answered 500: {error:#}"));
        empty(StatusCode::INTERNAL_SERVER_ERROR)
    }))
}

impl Dispatcher {
    async fn ask(&self, component: &str, request: Request<Incoming>) -> Result<Response<WasiBody>> {
        let handler = self
            .components
            .get(component)
            .ok_or_else(|| anyhow::anyhow!("the route names no component of the application"))?;
        let request = request.map(|body| body.map_err(Error::from).boxed_unsync());
        Ok(handler.handle((), request).await?)
    }
}

fn full(body: impl Into<Bytes>) -> WasiBody {
    Full::new(body.into()).map_err(Error::from).boxed_unsync()
}

fn empty(status: StatusCode) -> Response<WasiBody> {
    let mut response = Response::new(Empty::new().map_err(Error::from).boxed_unsync());
    *response.status_mut() = status;
    response
}
