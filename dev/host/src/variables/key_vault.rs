//! The `azure_key_vault` provider. Each lookup is a request to the vault; nothing is cached.
//!
//! Requests, retries and the token's scope are those of the Azure SDK that Spin is built with.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use serde::Deserialize;
use url::Url;

use super::identity::{Credential, Principal};
use crate::http_client::HttpClient;

/// One vault and the credential to read it with.
pub(crate) struct KeyVault {
    vault: Url,
    credential: Credential,
    client: HttpClient,
}

impl KeyVault {
    /// Prepares access to the vault at `vault_url` as `principal`.
    pub(crate) fn new(vault_url: &str, principal: Principal, environment: &BTreeMap<String, String>) -> Result<Self> {
        let vault = Url::parse(vault_url).with_context(|| format!("vault_url `{vault_url}` must be a URL"))?;
        let client = HttpClient::new(environment)?;
        Ok(Self { credential: Credential::new(principal, scope(&vault)?), vault, client })
    }

    /// The secret called `name`. A missing secret is an error like any other.
    pub(super) async fn get(&self, name: &str) -> Result<String> {
        self.get_with_retries(name).await.context("Failed to read variable from Azure Key Vault")
    }

    async fn get_with_retries(&self, name: &str) -> Result<String> {
        let mut url = self.vault.clone();
        url.set_path(&format!("secrets/{name}/"));
        url.query_pairs_mut().clear().append_pair("api-version", "7.0");

        let mut retries = Retries::default();
        loop {
            let token = self.credential.token(&self.client).await?;
            let (error, retry_after) = match self.send(&url, &token).await {
                Ok(response) if response.status().is_success() => {
                    return secret_value(response.body());
                }
                Ok(response) if !is_retried(response.status()) => return Err(refusal(&response)),
                Ok(response) => (refusal(&response), retry_after(&response)),
                Err(error) => (error, None),
            };
            let Some(pause) = retries.next_pause(retry_after) else {
                return Err(error.context("the vault did not recover within the retries"));
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn send(&self, url: &Url, token: &str) -> Result<Response<Bytes>> {
        let request = Request::get(url.as_str())
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::ACCEPT, "*/*")
            .header(header::CONTENT_LENGTH, "0")
            .body(Full::default())?;
        self.client.send(request).await.with_context(|| format!("no answer from the vault {}", self.vault))
    }
}

/// The scope of a token for the vault: its URL without the first label of the host and the port.
fn scope(vault: &Url) -> Result<String> {
    let host = vault.host_str().with_context(|| format!("vault_url {vault} has no host"))?;
    let domain = host.split_once('.').map_or(host, |(_, domain)| domain);
    Ok(format!("{}://{domain}/.default", vault.scheme()))
}

fn secret_value(body: &[u8]) -> Result<String> {
    #[derive(Deserialize)]
    struct Secret {
        value: String,
    }
    let secret: Secret = serde_json::from_slice(body).context("the vault's answer is no secret")?;
    Ok(secret.value)
}

/// The vault's error response, with its error code if it has one.
fn refusal(response: &Response<Bytes>) -> anyhow::Error {
    #[derive(Deserialize)]
    struct Body {
        error: Detail,
    }
    #[derive(Deserialize)]
    struct Detail {
        code: String,
        message: String,
    }
    let status = response.status();
    match serde_json::from_slice::<Body>(response.body()) {
        Ok(Body { error }) => anyhow!("the vault answered {status}: {}: {}", error.code, error.message),
        Err(_) => anyhow!("the vault answered {status}"),
    }
}

fn is_retried(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// How long the vault asks to wait. Only for 429 and 503.
fn retry_after(response: &Response<Bytes>) -> Option<Duration> {
    if !matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let number = |name: &str| response.headers().get(name)?.to_str().ok()?.parse().ok();
    number("retry-after-ms")
        .or_else(|| number("x-ms-retry-after-ms"))
        .map(Duration::from_millis)
        .or_else(|| number("retry-after").map(Duration::from_secs))
}

/// Eight retries within a minute, each pause twice as long as the one before.
#[derive(Default)]
struct Retries {
    count: u32,
    started: Option<Instant>,
}

impl Retries {
    const MOST: u32 = 8;
    const FIRST_PAUSE: Duration = Duration::from_millis(400);
    const LONGEST_PAUSE: Duration = Duration::from_secs(30);
    const TOTAL: Duration = Duration::from_secs(60);

    fn next_pause(&mut self, retry_after: Option<Duration>) -> Option<Duration> {
        let started = *self.started.get_or_insert_with(Instant::now);
        if self.count >= Self::MOST || started.elapsed() >= Self::TOTAL {
            return None;
        }
        let pause = (Self::FIRST_PAUSE * 2_u32.pow(self.count)).min(Self::LONGEST_PAUSE);
        self.count += 1;
        Some(pause.max(retry_after.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_is_the_vaults_domain() {
        for (vault, expected) in [
            ("https://name.vault.azure.net/", "https://vault.azure.net/.default"),
            ("https://name.vault.azure.cn", "https://vault.azure.cn/.default"),
            ("http://127.0.0.1:8080/", "http://0.0.1/.default"),
            ("http://localhost:8080/", "http://localhost/.default"),
        ] {
            assert_eq!(scope(&Url::parse(vault).unwrap()).unwrap(), expected);
        }
    }

    #[test]
    fn pauses_double_up_to_half_a_minute_and_end_after_eight() {
        let mut retries = Retries::default();
        let pauses: Vec<u128> =
            std::iter::from_fn(|| retries.next_pause(None)).map(|pause| pause.as_millis()).collect();
        assert_eq!(pauses, [400, 800, 1600, 3200, 6400, 12800, 25600, 30000]);

        let long = Some(Duration::from_secs(9));
        assert_eq!(Retries::default().next_pause(long), long);
    }

    #[test]
    fn only_a_throttled_response_says_when_to_retry() {
        for (status, name, value, expected) in [
            (429, "retry-after", "3", Some(3000)),
            (503, "retry-after-ms", "250", Some(250)),
            (429, "x-ms-retry-after-ms", "70", Some(70)),
            (429, "retry-after", "soon", None),
            (500, "retry-after", "3", None),
        ] {
            let response = Response::builder().status(status).header(name, value).body(Bytes::new()).unwrap();
            assert_eq!(retry_after(&response), expected.map(Duration::from_millis));
        }
    }
}
