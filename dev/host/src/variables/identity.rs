//! Gets tokens for Key Vault from Entra, like the Azure SDK's environment credential.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use crate::http_client::HttpClient;

/// The identity that reads the vault.
pub(crate) struct Principal {
    token_url: Url,
    client_id: String,
    client_secret: String,
}

impl Principal {
    /// The identity that the `AZURE_*` variables describe.
    pub(crate) fn from_environment(environment: &BTreeMap<String, String>) -> Result<Self> {
        let variable = |name: &str| environment.get(name).with_context(|| format!("{name} is not set"));
        let authority =
            environment.get("AZURE_AUTHORITY_HOST").map_or("https://login.microsoftonline.com", String::as_str);
        Ok(Self {
            token_url: token_url(authority, variable("AZURE_TENANT_ID")?).context("AZURE_AUTHORITY_HOST")?,
            client_id: variable("AZURE_CLIENT_ID")?.clone(),
            client_secret: variable("AZURE_CLIENT_SECRET")?.clone(),
        })
    }

    fn request(&self, scope: &str) -> Result<Request<Full<Bytes>>> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials")
            .append_pair("scope", scope)
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", &self.client_secret);
        Ok(Request::post(self.token_url.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(form.finish().into()))?)
    }
}

fn token_url(authority: &str, tenant_id: &str) -> Result<Url> {
    let mut url = Url::parse(authority).with_context(|| format!("`{authority}` must be a URL"))?;
    url.path_segments_mut()
        .map_err(|()| anyhow!("`{authority}` must be an http or https URL"))?
        .pop_if_empty()
        .extend([tenant_id, "oauth2", "v2.0", "token"]);
    Ok(url)
}

/// A principal with its current token for one scope.
pub(super) struct Credential {
    principal: Principal,
    scope: String,
    current: Mutex<Option<AccessToken>>,
}

struct AccessToken {
    text: String,
    expires: Instant,
}

impl Credential {
    /// A token is renewed this long before it expires.
    const MARGIN: Duration = Duration::from_secs(20);

    pub(super) fn new(principal: Principal, scope: String) -> Self {
        Self { principal, scope, current: Mutex::new(None) }
    }

    /// The current token. If there is none or it is about to expire, a new one is fetched first.
    pub(super) async fn token(&self, client: &HttpClient) -> Result<String> {
        let mut current = self.current.lock().await;
        if let Some(token) = &*current
            && token.expires > Instant::now() + Self::MARGIN
        {
            return Ok(token.text.clone());
        }
        let fetched = self
            .fetch(client)
            .await
            .context("no token for the vault: check the AZURE_* variables or the runtime config")?;
        let text = fetched.text.clone();
        *current = Some(fetched);
        Ok(text)
    }

    async fn fetch(&self, client: &HttpClient) -> Result<AccessToken> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: String,
            expires_in: u64,
        }
        #[derive(Deserialize)]
        struct Refused {
            error: String,
            error_description: String,
        }
        let url = &self.principal.token_url;
        let response =
            client.send(self.principal.request(&self.scope)?).await.with_context(|| format!("no answer from {url}"))?;
        if !response.status().is_success() {
            let status = response.status();
            match serde_json::from_slice::<Refused>(response.body()) {
                Ok(refused) => bail!("{url} answered {status}: {}: {}", refused.error, refused.error_description),
                Err(_) => bail!("{url} answered {status}"),
            }
        }
        let granted: Granted = serde_json::from_slice(response.body())
            .with_context(|| format!("the answer of {url} is no token response"))?;
        Ok(AccessToken {
            text: granted.access_token,
            expires: Instant::now() + Duration::from_secs(granted.expires_in),
        })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn environment(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    async fn form(principal: &Principal) -> BTreeMap<String, String> {
        let request = principal.request("https://vault.azure.net/.default").unwrap();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        url::form_urlencoded::parse(&body).into_owned().collect()
    }

    const CLIENT: [(&str, &str); 3] =
        [("AZURE_TENANT_ID", "tenant"), ("AZURE_CLIENT_ID", "client"), ("AZURE_CLIENT_SECRET", "secret&more")];

    #[tokio::test]
    async fn a_client_secret_is_sent_in_the_form() {
        let principal = Principal::from_environment(&environment(&CLIENT)).unwrap();
        assert_eq!(principal.token_url.as_str(), "https://login.microsoftonline.com/tenant/oauth2/v2.0/token");
        let form = form(&principal).await;
        assert_eq!(form["grant_type"], "client_credentials");
        assert_eq!(form["client_secret"], "secret&more");
        assert_eq!(form["scope"], "https://vault.azure.net/.default");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for missing in CLIENT {
            let rest: Vec<_> = CLIENT.into_iter().filter(|entry| *entry != missing).collect();
            let error = Principal::from_environment(&environment(&rest)).err().unwrap();
            assert!(error.to_string().contains(missing.0), "{error}");
        }
    }
}
