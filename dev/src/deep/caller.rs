//! A client of a subject that reads whole responses and has a time limit.

use std::{fmt, net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use bytes::Bytes;
use cargo_dev::commands::deep::Subject;
use http::{HeaderMap, HeaderValue, Request, header::HOST};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};

use super::request::request;

/// A client with one connection, which is opened when needed.
pub(super) struct Caller {
    subject: Subject,
    address: SocketAddr,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// A whole response.
#[derive(Debug)]
pub(super) struct ApiResponse {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) took: Duration,
}

/// Why there is no response.
#[derive(Debug)]
pub(super) enum NoResponse {
    /// None within the time limit.
    InTime(Duration),
    /// The connection broke.
    Broken(String),
}

impl Caller {
    /// # Errors
    /// If `url` is not `http://` and an address.
    pub(super) fn of(subject: Subject, url: &str) -> Result<Self> {
        let address = url.strip_prefix("http://").and_then(|address| address.parse().ok());
        let address = address.with_context(|| format!("{url} is no address on this machine"))?;
        Ok(Self { subject, address, connection: None })
    }

    /// Requests the profile with `token`.
    pub(super) async fn profile(&mut self, token: &str, limit: Duration) -> Result<ApiResponse, NoResponse> {
        let authorization = HeaderValue::try_from(format!("Bearer {token}")).map_err(NoResponse::broken)?;
        self.send(request(self.subject, &authorization), limit).await
    }

    /// Sends `request`, with a `Host` if it has none.
    pub(super) async fn send(
        &mut self,
        mut request: Request<Full<Bytes>>,
        limit: Duration,
    ) -> Result<ApiResponse, NoResponse> {
        let host = HeaderValue::try_from(self.address.to_string()).map_err(NoResponse::broken)?;
        request.headers_mut().entry(HOST).or_insert(host);
        let started = Instant::now();
        match timeout(limit, self.exchange(request)).await {
            Err(_) => {
                self.connection = None;
                Err(NoResponse::InTime(limit))
            }
            Ok(Err(error)) => {
                self.connection = None;
                Err(NoResponse::broken(format!("{error:#}")))
            }
            Ok(Ok((status, headers, body))) => Ok(ApiResponse { status, headers, body, took: started.elapsed() }),
        }
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<(u16, HeaderMap, Bytes)> {
        let (head, body) = self.connection().await?.send_request(request).await?.into_parts();
        Ok((
            head.status.as_u16(),
            head.headers,
            body.collect().await.context("the answer's body broke off")?.to_bytes(),
        ))
    }

    async fn connection(&mut self) -> Result<&mut SendRequest<Full<Bytes>>> {
        let mut open = self.connection.take();
        if let Some(connection) = &mut open
            && connection.ready().await.is_err()
        {
            open = None;
        }
        let connection = match open {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(self.address).await.context("it takes no connection")?;
                stream.set_nodelay(true)?;
                let (sender, connection) = handshake(TokioIo::new(stream)).await?;
                // Ends when the sender is dropped. The sender also reports failures.
                tokio::spawn(connection);
                sender
            }
        };
        Ok(self.connection.insert(connection))
    }
}

impl ApiResponse {
    /// The `code` of a problem document, or the kind of any other response.
    pub(super) fn code(&self) -> String {
        let json = serde_json::from_slice::<Value>(&self.body).unwrap_or_default();
        match (json.get("code").and_then(Value::as_str), json.get("statusCode")) {
            (Some(code), _) => code.to_owned(),
            (None, _) if self.profile_id().is_some() => "profile".to_owned(),
            (None, Some(status)) => format!("Graph's {status}"),
            (None, None) => format!("{} without a code", self.status),
        }
    }

    /// The id in the profile, which the sidecar hands on within a document of its own.
    pub(super) fn profile_id(&self) -> Option<String> {
        let mut json = serde_json::from_slice::<Value>(&self.body).ok().filter(|_| self.status == 200)?;
        if let Some(status) = json.get("statusCode") {
            let content = json.get("content").filter(|_| status == 200)?.as_str()?;
            json = serde_json::from_str(content).ok()?;
        }
        Some(json.get("id")?.as_str()?.to_owned())
    }

    /// A header's value, if there is one.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl NoResponse {
    fn broken(error: impl fmt::Display) -> Self {
        Self::Broken(error.to_string())
    }
}

impl fmt::Display for NoResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InTime(limit) => write!(formatter, "no answer within {:.1} s", limit.as_secs_f64()),
            Self::Broken(reason) => write!(formatter, "the connection broke: {reason}"),
        }
    }
}
