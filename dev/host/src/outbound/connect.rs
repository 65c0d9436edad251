//! Opens connections, with Spin's error for each kind of failure.

use std::{
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::{net::TcpStream, time::timeout};
use tower_service::Service;
use wasmtime_wasi_http::Error;

tokio::task_local! {
    /// How to connect for the current request, since the pooling client has no parameters for this.
    pub(super) static CONNECT_OPTIONS: ConnectOptions;
}

#[derive(Clone)]
pub(super) struct ConnectOptions {
    /// The limit for opening the TCP connection.
    pub(super) timeout: Duration,
    /// The trusted authorities for `https`.
    pub(super) tls: Arc<ClientConfig>,
}

/// Connects to the host and port of a URI as [`CONNECT_OPTIONS`] say, over TLS for `https`.
#[derive(Clone)]
pub(crate) struct Connector;

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        match CONNECT_OPTIONS.try_with(Clone::clone) {
            Ok(ConnectOptions { timeout, tls }) => HttpsConnector::from((TcpConnector { timeout }, tls)).call(uri),
            Err(error) => Box::pin(async move { Err(error.into()) }),
        }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Connects to the host and port of a URI.
#[derive(Clone)]
struct TcpConnector {
    timeout: Duration,
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectError {
    UriInvalid,
    NameNotFound,
    Timeout,
    Refused,
}

impl From<&ConnectError> for Error {
    fn from(error: &ConnectError) -> Self {
        match error {
            ConnectError::UriInvalid => Self::HttpRequestUriInvalid,
            ConnectError::NameNotFound => {
                Self::DnsError { rcode: Some("address not available".to_owned()), info_code: Some(0) }
            }
            ConnectError::Timeout => Self::ConnectionTimeout,
            ConnectError::Refused => Self::ConnectionRefused,
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Error::from(self).fmt(formatter)
    }
}

impl std::error::Error for ConnectError {}

impl Service<Uri> for TcpConnector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = self.timeout;
        Box::pin(async move {
            let addresses = resolve(&uri).await?;
            let stream = timeout(limit, TcpStream::connect(addresses.as_slice()))
                .await
                .map_err(|_| ConnectError::Timeout)?
                .map_err(|error| match error.kind() {
                    io::ErrorKind::AddrNotAvailable => ConnectError::NameNotFound,
                    _ => ConnectError::Refused,
                })?;
            Ok(TokioIo::new(stream))
        })
    }
}

async fn resolve(uri: &Uri) -> Result<Vec<SocketAddr>, ConnectError> {
    let host = uri.host().ok_or(ConnectError::UriInvalid)?;
    let default_port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let port = uri.port_u16().unwrap_or(default_port);
    let addresses = tokio::net::lookup_host(format!("{host}:{port}")).await.map_err(|_| ConnectError::NameNotFound)?;
    Ok(addresses.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn connect(uri: &str, limit: Duration) -> Result<(), ConnectError> {
        let uri: Uri = uri.parse().unwrap();
        TcpConnector { timeout: limit }.call(uri).await.map(drop)
    }

    #[tokio::test]
    async fn each_failure_has_its_own_error() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = format!("http://{}/", listener.local_addr().unwrap());
        let minute = Duration::from_secs(60);
        assert_eq!(connect(&open, minute).await, Ok(()));
        drop(listener);
        assert_eq!(connect(&open, minute).await, Err(ConnectError::Refused));
        assert_eq!(connect("/relative", minute).await, Err(ConnectError::UriInvalid));
        let nowhere = "http://nowhere.invalid/";
        assert_eq!(connect(nowhere, minute).await, Err(ConnectError::NameNotFound));
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_runs_into_the_timeout() {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        // Nobody accepts. When the backlog is full, the kernel makes further clients wait.
        let mut waiting = Vec::new();
        while let Ok(stream) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
            waiting.push(stream.unwrap());
        }
        let result = connect(&format!("http://{address}/"), Duration::from_millis(50)).await;
        assert_eq!(result, Err(ConnectError::Timeout));
    }
}
