//! Answers requests: each by the component of its route, or by Spin itself.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use anyhow::Result;
use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use serde::Serialize;
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

/// # Errors
/// If the request does not name its host. This closes the connection.
pub(super) async fn respond(
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
