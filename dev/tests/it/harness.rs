//! A running API and a client.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
};

use emulated_tenant::{Endpoint, Person, Service, Tenant, TenantOptions, TokenPlan, Wire};
use profile_get_dev::run::{Api, ApiOptions, Runner};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

/// The API and the tenant of one test.
pub(crate) struct Harness {
    pub(crate) api: Api,
    client: Client,
}

/// A whole response of the API.
#[derive(Debug)]
pub(crate) struct ApiResponse {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Harness {
    pub(crate) async fn start() -> Self {
        Self::with_variables(&[]).await
    }

    /// `variables` take precedence over all providers, like those of `spin up --variable`.
    pub(crate) async fn with_variables(variables: &[(&str, &str)]) -> Self {
        Self::with(ApiOptions { variables: owned(variables), ..ApiOptions::default() }).await
    }

    /// `variables` replace fixed values of the component's variables in `spin.toml`.
    pub(crate) async fn with_component_variables(variables: &[(&str, &str)]) -> Self {
        Self::with(ApiOptions { component_variables: owned(variables), ..ApiOptions::default() }).await
    }

    /// The API accepts tokens of the tenant's own directory and of its neighbour.
    pub(crate) async fn for_both_directories() -> Self {
        let tenant = Tenant::start(tenant_options()).await.unwrap();
        let both = format!("{} {}", tenant.tenant_id(), tenant.other_tenant_id());
        let variables = owned(&[("tenant_id", "organizations"), ("allowed_tenants", &both)]);
        Self::with_tenant(tenant, ApiOptions { variables, ..ApiOptions::default() }).await
    }

    /// The API accepts tokens of every directory with members, by the keys of `common`.
    pub(crate) async fn for_everybody() -> Self {
        let tenant = Tenant::start(tenant_options()).await.unwrap();
        let all: BTreeSet<&str> = tenant.people().iter().map(|person| person.tenant_id.as_str()).collect();
        let all = all.into_iter().collect::<Vec<_>>().join(" ");
        let variables = owned(&[("tenant_id", "common"), ("allowed_tenants", &all)]);
        Self::with_tenant(tenant, ApiOptions { variables, ..ApiOptions::default() }).await
    }

    /// The tenant uses plain HTTP without variations, for tests that call it directly.
    pub(crate) async fn in_clear() -> Self {
        Self::with_tenant(Tenant::start(TenantOptions::default()).await.unwrap(), ApiOptions::default()).await
    }

    pub(crate) async fn with(options: ApiOptions) -> Self {
        Self::with_tenant(Tenant::start(tenant_options()).await.unwrap(), options).await
    }

    pub(crate) async fn with_tenant(tenant: Tenant, options: ApiOptions) -> Self {
        let options = ApiOptions { runner: Runner::from_environment().unwrap(), ..options };
        let api = Api::start_for(tenant, options).await.unwrap();
        Self { api, client: Client::builder().no_proxy().build().unwrap() }
    }

    /// Whether the tenant varies the form of its responses.
    pub(crate) fn varies() -> bool {
        variety().is_some()
    }

    pub(crate) fn person(&self, name: &str) -> &Person {
        self.api.tenant.person(name).unwrap()
    }

    pub(crate) fn token(&self, name: &str) -> String {
        self.token_with(name, |_| {})
    }

    pub(crate) fn token_with(&self, name: &str, change: impl FnOnce(&mut TokenPlan)) -> String {
        self.api.tenant.access_token(self.person(name), change)
    }

    /// Requests a person's profile with a token of theirs.
    pub(crate) async fn get_as(&self, name: &str) -> ApiResponse {
        self.get(&self.token(name)).await
    }

    /// Requests the profile with a token.
    pub(crate) async fn get(&self, token: &str) -> ApiResponse {
        self.send(self.request(Method::GET, "/api/profile-get").bearer_auth(token)).await
    }

    pub(crate) fn request(&self, method: Method, target: &str) -> RequestBuilder {
        self.request_to(self.api.server.url(), method, target)
    }

    /// A request to another server.
    pub(crate) fn request_to(&self, url: &str, method: Method, target: &str) -> RequestBuilder {
        self.client.request(method, format!("{url}{target}"))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> ApiResponse {
        let response = request.send().await.unwrap();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        ApiResponse { status: response.status().as_u16(), headers, body: response.bytes().await.unwrap().to_vec() }
    }

    /// The requests to a service since the last [`Self::forget`].
    pub(crate) fn asked(&self, service: Service) -> Vec<Endpoint> {
        let requests = self.api.tenant.requests();
        requests.iter().filter(|request| request.service == service).map(|request| request.endpoint).collect()
    }

    pub(crate) fn count(&self, endpoint: Endpoint) -> usize {
        self.api.tenant.requests().iter().filter(|request| request.endpoint == endpoint).count()
    }

    pub(crate) fn forget(&self) {
        self.api.tenant.clear_requests();
    }

    /// The component's log lines about requests, when there are as many as expected.
    pub(crate) async fn request_lines(&self, expected: usize) -> Vec<Value> {
        for _ in 0..200 {
            let lines: Vec<Value> = self
                .api
                .server
                .log_lines()
                .iter()
                .filter_map(|line| serde_json::from_str(line.get(line.find('{')?..)?).ok())
                .filter(|line: &Value| line["event"] == "request")
                .collect();
            if lines.len() >= expected {
                return lines;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("fewer than {expected} requests logged: {:?}", self.api.server.log_lines());
    }

    /// The response as text, with everything that differs between runs replaced by a placeholder.
    pub(crate) fn snapshot(&self, answer: &ApiResponse) -> String {
        let mut text = format!("{}\n", answer.status);
        for (name, value) in &answer.headers {
            if name != "date" {
                text.push_str(&format!("{name}: {value}\n"));
            }
        }
        match serde_json::from_slice::<Value>(&answer.body) {
            Ok(json) => text.push_str(&format!("\n{json:#}\n")),
            Err(_) => text.push_str(&format!("\n{}\n", String::from_utf8_lossy(&answer.body))),
        }
        let tenant = &self.api.tenant;
        let header = |name| answer.headers.get(name).cloned().unwrap_or_default();
        let traceparent = header("traceparent");
        let mut known = vec![
            (tenant.tenant_id().to_owned(), "<tenant>"),
            (tenant.client_id().to_owned(), "<client>"),
            (tenant.authority_url().to_owned(), "<authority>"),
            (url_encoded(tenant.authority_url()), "<authority>"),
            (self.api.server.url().trim_end_matches('/').to_owned(), "<api>"),
            (header("request-id"), "<request-id>"),
            (header("client-request-id"), "<client-request-id>"),
            (traceparent, "<traceparent>"),
        ];
        known.retain(|(value, _)| !value.is_empty());
        for (value, name) in known {
            text = text.replace(&value, name);
        }
        without_ids(&text, &answer.body)
    }
}

/// TLS and HTTP/2, as in production, unless `PROFILE_GET_WIRE` is `http`. If `PROFILE_GET_VARIETY` is a number, tenants
/// vary their responses with this seed.
pub(crate) fn tenant_options() -> TenantOptions {
    let wire = match env::var("PROFILE_GET_WIRE").as_deref().unwrap_or_default() {
        "" | "https" => Wire::Https,
        "http" => Wire::Http,
        other => panic!("PROFILE_GET_WIRE is {other:?}: set it to http or https, or unset it"),
    };
    TenantOptions { wire, variety: variety(), ..TenantOptions::default() }
}

fn variety() -> Option<u64> {
    let seed = env::var("PROFILE_GET_VARIETY").ok().filter(|seed| !seed.is_empty())?;
    Some(seed.parse().expect("PROFILE_GET_VARIETY is a number, or not set"))
}

pub(crate) fn owned(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Ids of Entra and Graph are new in each run.
fn without_ids(text: &str, body: &[u8]) -> String {
    let mut text = text.to_owned();
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    for name in ["entra_correlation_id", "entra_trace_id", "graph_request_id"] {
        if let Some(id) = body[name].as_str() {
            text = text.replace(id, &format!("<{name}>"));
        }
    }
    // A challenge's claims contain times.
    let claims = body["claims"].as_str().unwrap_or_default();
    if !claims.is_empty() {
        let quoted = Value::from(claims).to_string();
        text = text.replace(&quoted, "\"<claims>\"");
        let start = text.find("claims=\"").map(|at| at + "claims=\"".len());
        if let Some(start) = start
            && let Some(length) = text[start..].find('"')
        {
            text.replace_range(start..start + length, "<base64 of the claims>");
        }
    }
    // The length depends on ids and times.
    text.lines().filter(|line| !line.starts_with("content-length: ")).map(|line| format!("{line}\n")).collect()
}

fn url_encoded(text: &str) -> String {
    text.replace(':', "%3A").replace('/', "%2F")
}

impl ApiResponse {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The media type without parameters, in lower case. Graph may spell it in any case.
    pub(crate) fn media_type(&self) -> String {
        self.header("content-type").split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.json()["request_id"], self.header("request-id"));
    }
}
