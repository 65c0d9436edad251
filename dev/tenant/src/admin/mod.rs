//! The administration of a running tenant over HTTP, for programs in any language, with a page of the requests received.
//!
//! It speaks plain HTTP and JSON on a port of its own. Only programs on this machine can use it: a page in a browser
//! cannot, since it could neither read responses nor send changes.

mod changes;
mod consents;
mod environment;
mod error;
mod faults;
mod people;
mod requests;

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Result;
use http::{Request, Response, StatusCode};
use hyper::{body, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    server,
    tenant::{self, Tenant},
    wire::{self, Broken, IncomingRequest, ResponseBody},
};
use error::AdminError;

/// How many requests are kept: enough for a test, a few megabytes.
const KEPT_REQUESTS: usize = 2000;

/// Before the next attempt, when the system cannot accept a connection.
const PAUSE: Duration = Duration::from_millis(50);

/// What there is, for whoever asks for something else.
const ROUTES: &str = "GET /, GET /environment, GET or DELETE /requests, GET or POST /people, \
    PATCH or DELETE /people/{name}, POST /people/{name}/revoke-sessions, POST or DELETE /consents, \
    PUT /faults/{endpoint}, PUT /connection-faults/{service}, DELETE /faults, POST /keys, PUT /replication, \
    POST /service-account-tokens";

/// A tenant with an administration over HTTP. Both stop when this is dropped.
pub struct AdminServer {
    tenant: Arc<Tenant>,
    address: SocketAddr,
    /// Dropping the set aborts the server.
    _server: JoinSet<()>,
}

impl AdminServer {
    /// Starts the administration on the loopback interface; 0 takes a free port. From now on the tenant keeps only the
    /// latest requests.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(tenant: Tenant, port: u16) -> Result<Self> {
        let (port, listener) = tenant::listen("the administration", port)?;
        tenant.requests.keep(KEPT_REQUESTS);
        let (tenant, address) = (Arc::new(tenant), port.address());
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::clone(&tenant), address));
        Ok(Self { tenant, address, _server: server })
    }

    /// The tenant.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All addresses, ids and secrets that clients need, as `GET /environment` gives them.
    pub fn environment(&self) -> Value {
        environment::environment(&self.tenant, self.address)
    }
}

impl fmt::Debug for AdminServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminServer").field("tenant", &self.tenant).field("url", &self.url()).finish_non_exhaustive()
    }
}

async fn serve(listener: TcpListener, tenant: Arc<Tenant>, address: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => _ = connections.spawn(serve_connection(stream, Arc::clone(&tenant), address)),
            // Out of file descriptors, most likely: give the connections time to end.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_connection(stream: TcpStream, tenant: Arc<Tenant>, address: SocketAddr) {
    let respond = |request| respond(request, &tenant, address);
    let connection =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service_fn(respond));
    // An error is a client that left.
    let _ = connection.await;
}

async fn respond(
    request: Request<body::Incoming>,
    tenant: &Tenant,
    address: SocketAddr,
) -> Result<Response<ResponseBody>, Broken> {
    let response = match server::receive(request).await {
        Some(incoming) => route(&incoming, tenant, address),
        None => Err(AdminError::invalid("the body is too large or ended early")),
    };
    Ok(response.unwrap_or_else(|error| error.response()))
}

fn route(
    incoming: &IncomingRequest,
    tenant: &Tenant,
    address: SocketAddr,
) -> Result<Response<ResponseBody>, AdminError> {
    check_host(incoming, address)?;
    let value = match (incoming.method.as_str(), incoming.path_segments().as_slice()) {
        ("GET", [""]) => return Ok(requests::page(tenant)),
        ("GET", ["environment"]) => environment::environment(tenant, address),
        ("GET", ["requests"]) => requests::list(tenant),
        ("GET", ["people"]) => people::list(tenant),
        ("POST", ["people"]) => people::add(tenant, body(incoming)?)?,
        ("PATCH", ["people", name]) => people::change(tenant, name, body(incoming)?)?,
        ("POST", ["service-account-tokens"]) => changes::service_account_token(tenant, &body(incoming)?),
        _ => return change(incoming, tenant).map(|()| wire::no_content()),
    };
    Ok(wire::json_response(StatusCode::OK, &value))
}

/// The requests whose responses have no body.
fn change(incoming: &IncomingRequest, tenant: &Tenant) -> Result<(), AdminError> {
    match (incoming.method.as_str(), incoming.path_segments().as_slice()) {
        ("DELETE", ["requests"]) => tenant.clear_requests(),
        ("DELETE", ["people", name]) => people::remove(tenant, name)?,
        ("POST", ["people", name, "revoke-sessions"]) => people::revoke_sessions(tenant, name, body(incoming)?)?,
        ("POST", ["consents"]) => consents::give(tenant, &body(incoming)?)?,
        ("DELETE", ["consents"]) => consents::withdraw_all(tenant),
        ("PUT", ["faults", endpoint]) => faults::set(tenant, endpoint, body(incoming)?)?,
        ("PUT", ["connection-faults", service]) => faults::set_connections(tenant, service, body(incoming)?)?,
        ("DELETE", ["faults"]) => tenant.faults().clear(),
        ("POST", ["keys"]) => changes::change_keys(tenant, &body(incoming)?)?,
        ("PUT", ["replication"]) => changes::set_replication(tenant, &body(incoming)?),
        (method, _) => {
            let message = format!("there is no {method} {}; there are {ROUTES}", incoming.uri.path());
            return Err(AdminError::not_found(message));
        }
    }
    Ok(())
}

/// Refuses requests of pages that made a browser believe that their own name is that of this machine.
fn check_host(incoming: &IncomingRequest, address: SocketAddr) -> Result<(), AdminError> {
    let own = [address.to_string(), format!("localhost:{}", address.port())];
    match incoming.header("host").is_some_and(|host| own.iter().any(|own| own == host)) {
        true => Ok(()),
        false => Err(AdminError::forbidden(format!("the host must be {}", own.join(" or ")))),
    }
}

/// Reads the body, whose type browsers do not let pages of other origins send.
fn body<T: DeserializeOwned>(incoming: &IncomingRequest) -> Result<T, AdminError> {
    match incoming.header("content-type") {
        Some("application/json") => {}
        _ => return Err(AdminError::invalid("send JSON, with `Content-Type: application/json`")),
    }
    serde_json::from_slice(&incoming.body).map_err(|error| AdminError::invalid(error.to_string()))
}
