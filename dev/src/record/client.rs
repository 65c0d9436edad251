//! An HTTP client that shows responses as they were sent.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use emulated_tenant::recording::{ScenarioRequest, ScenarioResponse};
use http::{Method, header::CONTENT_LENGTH};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::crypto::ring;

/// The services respond within seconds, if at all.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// A photo has a few hundred kilobytes.
const LONGEST_BODY: usize = 10 << 20;

/// Follows no redirects, keeps no cookies and uses HTTP/1.1, in which the framing of a body is visible.
pub(super) struct Client(HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Client {
    /// # Errors
    /// If this machine has no certificates of authorities.
    pub(super) fn new() -> Result<Self> {
        let connector = HttpsConnectorBuilder::new().with_provider_and_native_roots(ring::default_provider())?;
        let connector = connector.https_or_http().enable_http1().build();
        Ok(Self(HyperClient::builder(TokioExecutor::new()).build(connector)))
    }

    pub(super) async fn send(&self, request: ScenarioRequest) -> Result<ScenarioResponse> {
        let place = place(&request.url);
        let exchange = async {
            let mut builder = http::Request::builder().uri(&request.url);
            for (name, value) in &request.headers {
                builder = builder.header(*name, value);
            }
            let body = match &request.form {
                None => Bytes::new(),
                Some(form) => {
                    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
                    builder = builder.method(Method::POST).header(CONTENT_LENGTH, form.len());
                    form.into()
                }
            };
            let (head, body) = self.0.request(builder.body(Full::new(body))?).await?.into_parts();
            let body = Limited::new(body, LONGEST_BODY).collect().await.map_err(|error| anyhow::anyhow!(error))?;
            let headers = head.headers.iter();
            let headers =
                headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()));
            Ok::<_, anyhow::Error>(ScenarioResponse {
                status: head.status.as_u16(),
                headers: headers.collect(),
                body: body.to_bytes().to_vec(),
            })
        };
        let answer = tokio::time::timeout(TIME_LIMIT, exchange).await;
        answer
            .with_context(|| format!("no answer from {place} in time"))?
            .with_context(|| format!("no answer from {place}"))
    }
}

/// Scheme and host. The rest may contain ids.
fn place(url: &str) -> String {
    url::Url::parse(url)
        .map_or_else(|_| "an address that is no URL".to_owned(), |url| url.origin().ascii_serialization())
}
