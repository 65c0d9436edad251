//! Outbound HTTP: what a component may call, and how the call is made.
//!
//! A request to a component of the same application is passed to it; for the others all instances share one pool of
//! connections. Redirects are not followed, and only what HTTP itself needs is added to
//! a request.

mod connect;
mod timed_body;

use std::{error::Error as _, sync::Arc, time::Duration};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use http::{Request, Response, Uri, header::HOST, uri::Authority};
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::time::timeout;
use url::Url;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use self::{
    connect::{CONNECT_OPTIONS, ConnectError, ConnectOptions, Connector},
    timed_body::TimedBody,
};
use super::{
    allowed_hosts::AllowedHosts,
    chaining::{ServiceChaining, component_of},
    log::Log,
    template::Template,
    tls::ClientTls,
    variables::Variables,
};

/// The limit for each phase of a call if the component sets none.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// The pool of connections that the whole application shares.
pub(super) type OutboundClient = Client<Connector, WasiBody>;

/// Creates the shared client.
pub(super) fn client() -> OutboundClient {
    Client::builder(TokioExecutor::new()).build(Connector)
}

/// The calls of one instance.
#[derive(Clone)]
pub(super) struct OutboundHttp {
    client: OutboundClient,
    tls: Arc<ClientTls>,
    chaining: ServiceChaining,
    allowed_hosts: AllowedHostsLookup,
    component: Arc<str>,
    log: Log,
}

/// The allowed hosts of one instance. They are resolved at its first call and kept, even if that fails.
type AllowedHostsLookup = Shared<BoxFuture<'static, Option<Arc<AllowedHosts>>>>;

impl OutboundHttp {
    pub(super) fn new(
        client: OutboundClient,
        tls: Arc<ClientTls>,
        chaining: ServiceChaining,
        entries: Arc<[Template]>,
        variables: Arc<Variables>,
        component: Arc<str>,
        log: Log,
    ) -> Self {
        let lookup_component = Arc::clone(&component);
        let lookup_log = log.clone();
        let allowed_hosts = async move {
            // As in Spin, every declared variable is resolved, even if no entry uses it.
            let resolved = match variables.resolve_all().await {
                Ok(values) => AllowedHosts::resolve(&entries, &values),
                Err(error) => Err(error),
            };
            resolved
                .inspect_err(|error| {
                    lookup_log.host(
                        &lookup_component,
                        format_args!(
                            "all outbound requests of this instance are denied, since its allowed_outbound_hosts cannot be resolved: {error:#}"
                        ),
                    );
                })
                .map(Arc::new)
                .ok()
        }
        .boxed()
        .shared();
        Self { client, tls, chaining, allowed_hosts, component, log }
    }

    async fn send(self, mut request: Request<WasiBody>, options: RequestOptions) -> Result<Response<WasiBody>, Error> {
        if !self.allows(request.uri()).await {
            return Err(Error::HttpRequestDenied);
        }
        // The client adds the header for the URI; Spin passes requests to other components without it.
        request.headers_mut().remove(HOST);
        let between_bytes_timeout = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let component = request.uri().host().and_then(component_of).map(str::to_owned);
        if let Some(component) = component {
            let response = self.chaining.send(&component, request).await.map_err(|error| {
                self.log
                    .host(&self.component, format_args!("a request to the component `{component}` failed: {error:#}"));
                Error::InternalError(Some("service chaining failed".to_owned()))
            })?;
            return Ok(response.map(|body| TimedBody::new(body, between_bytes_timeout).boxed_unsync()));
        }

        let connect_options = ConnectOptions {
            timeout: options.connect_timeout.unwrap_or(DEFAULT_TIMEOUT),
            tls: Arc::clone(self.tls.config(&self.component, request.uri().host().unwrap_or_default())),
        };
        let first_byte_timeout = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let sending = CONNECT_OPTIONS.scope(connect_options, self.client.request(request));
        let response = timeout(first_byte_timeout, sending)
            .await
            .map_err(|_| Error::ConnectionReadTimeout)?
            .map_err(|error| self.request_error(&error))?;
        Ok(response.map(|body| TimedBody::new(body, between_bytes_timeout).boxed_unsync()))
    }

    async fn allows(&self, uri: &Uri) -> bool {
        let Some(allowed_hosts) = self.allowed_hosts.clone().await else {
            return false;
        };
        let is_allowed = Url::parse(&uri.to_string()).is_ok_and(|url| allowed_hosts.allow(&url));
        if !is_allowed {
            let destination = uri.authority().map_or("self", Authority::as_str);
            let scheme = uri.scheme_str().unwrap_or("http");
            self.log.host(
                &self.component,
                format_args!("a request to {scheme}://{destination} was denied: allow it in allowed_outbound_hosts"),
            );
        }
        is_allowed
    }

    fn request_error(&self, error: &hyper_util::client::legacy::Error) -> Error {
        if let Some(connect) = error.source().and_then(|source| source.downcast_ref::<ConnectError>()) {
            return connect.into();
        }
        self.log.host(&self.component, format_args!("an outbound request failed: {error:?}"));
        if error.is_connect() { Error::TlsProtocolError } else { Error::HttpProtocolError }
    }
}

impl WasiHttpHooks for OutboundHttp {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Transmission), Error>> + Send> {
        let sender = self.clone();
        Box::new(async move {
            let response = sender.send(request, options.unwrap_or_default()).await?;
            let transmission: Transmission = Box::new(async { Ok(()) });
            Ok((response, transmission))
        })
    }
}

/// Completes when the request's body has been sent. The client reports failures with the response.
type Transmission = Box<dyn Future<Output = Result<(), Error>> + Send>;
