//! Answers requests: from outside by the component of their route or by Spin itself, and from other components.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Weak},
};

use anyhow::{Context, Result};
use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use serde::Serialize;
use wasmtime_wasi_http::{Error, WasiBody, handler::ProxyHandler};

use super::{
    chaining::ServiceChaining,
    log::Log,
    pool::InstancePool,
    request::{self, RequestContext},
    routes::{RouteMatch, Routes, WELL_KNOWN_PREFIX},
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

/// The client's address in requests of other components, as in Spin.
const CHAINED_CLIENT: (Ipv4Addr, u16) = (Ipv4Addr::UNSPECIFIED, 0);

impl Dispatcher {
    /// Answers a request from outside.
    ///
    /// # Errors
    /// If the request does not name its host. This closes the connection.
    pub(super) async fn respond(
        &self,
        client: SocketAddr,
        mut request: Request<Incoming>,
    ) -> Result<Response<WasiBody>> {
        request::strip_headers(request.headers_mut());
        let path = request.uri().path();
        if let Some(well_known) = path.strip_prefix(WELL_KNOWN_PREFIX) {
            return match well_known {
                "health" => Ok(Response::new(full("OK"))),
                "info" => {
                    let info = serde_json::to_vec_pretty(&self.info)?;
                    Ok(Response::builder().header(CONTENT_TYPE, "application/json").body(full(info))?)
                }
                _ => Ok(empty(StatusCode::NOT_FOUND)),
            };
        }
        match self.routes.find(path) {
            Some(route) => {
                let request = request.map(|body| body.map_err(Error::from).boxed_unsync());
                self.ask(&RequestContext { route: &route, client }, request).await
            }
            None => Ok(empty(StatusCode::NOT_FOUND)),
        }
    }

    /// Makes this dispatcher answer the requests of components to each other, for as long as it exists.
    pub(super) fn connect(self: &Arc<Self>, chaining: &ServiceChaining) {
        // The components belong to the dispatcher, so what they hold must not keep it.
        let dispatcher = Arc::downgrade(self);
        chaining.connect(move |component, request| {
            let dispatcher = Weak::upgrade(&dispatcher);
            Box::pin(async move {
                let route = RouteMatch::chained(component, request.uri().path());
                let context = RequestContext { route: &route, client: CHAINED_CLIENT.into() };
                dispatcher.context("the host stops")?.ask(&context, request).await
            })
        });
    }

    /// A failure of the component is a response, too.
    async fn ask(&self, context: &RequestContext<'_>, request: Request<WasiBody>) -> Result<Response<WasiBody>> {
        let component = &context.route.component;
        let handler = self
            .components
            .get(component)
            .with_context(|| format!("the application has no component `{component}` with a trigger"))?;
        let request = request::with_absolute_uri(request)?;
        let answered = match request::with_spin_headers(request, context) {
            Ok(request) => handler.handle((), request).await.map_err(anyhow::Error::from),
            Err(error) => Err(error),
        };
        Ok(answered.unwrap_or_else(|error| {
            self.log.host(component, format_args!("a request was answered 500: {error:#}"));
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        }))
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
