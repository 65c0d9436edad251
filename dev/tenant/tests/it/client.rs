//! A small HTTP client, and the requests that the tests have in common.

use emulated_tenant::{Person, Tenant, TenantOptions, TokenPlan};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;

pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Response {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Asserts the status and the code of an error of the login host, and returns the error.
    #[track_caller]
    pub(crate) fn expect_failure(&self, status: u16, error: &str, code: u32) -> Value {
        let body = self.json();
        let actual = (self.status.as_u16(), body["error"].as_str(), body["error_codes"][0].as_u64());
        assert_eq!(actual, (status, Some(error), Some(code.into())), "{body:#}");
        body
    }

    /// Asserts the status and the code of an error of Graph or the vault.
    #[track_caller]
    pub(crate) fn expect_error(&self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!((self.status.as_u16(), body["error"]["code"].as_str()), (status, Some(code)), "{body:#}");
        body
    }
}

pub(crate) async fn start() -> Tenant {
    Tenant::start(TenantOptions::default()).await.unwrap()
}

/// Sends a request; the error is the transport's.
pub(crate) async fn try_send(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> anyhow::Result<Response> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = client.request(request.body(Full::from(body.to_owned()))?).await?;
    let (head, body) = response.into_parts();
    Ok(Response { status: head.status, headers: head.headers, body: body.collect().await?.to_bytes() })
}

pub(crate) async fn get(url: &str, headers: &[(&str, &str)]) -> Response {
    try_send(Method::GET, url, headers, "").await.unwrap()
}

pub(crate) async fn get_with_token(url: &str, token: &str) -> Response {
    get(url, &[("authorization", &format!("Bearer {token}"))]).await
}

pub(crate) async fn post_form(url: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Response {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut headers = headers.to_vec();
    headers.push(("content-type", "application/x-www-form-urlencoded"));
    try_send(Method::POST, url, &headers, &body).await.unwrap()
}

pub(crate) fn token_url(tenant: &Tenant) -> String {
    format!("{}/{}/oauth2/v2.0/token", tenant.authority_url(), tenant.tenant_id())
}

/// The fields of a right exchange, with `changed` in place of those it names; an empty value leaves a field out.
pub(crate) async fn exchange_with(tenant: &Tenant, assertion: &str, changed: &[(&str, &str)]) -> Response {
    let secret = tenant.client_secret();
    let mut fields = vec![
        ("grant_type", JWT_BEARER),
        ("requested_token_use", "on_behalf_of"),
        ("client_id", tenant.client_id()),
        ("client_secret", &secret),
        ("assertion", assertion),
        ("scope", "https://graph.microsoft.com/User.Read"),
    ];
    fields.retain(|field| changed.iter().all(|change| change.0 != field.0));
    fields.extend(changed.iter().filter(|change| !change.1.is_empty()));
    post_form(&token_url(tenant), &[], &fields).await
}

/// Exchanges a token of the person called `name`.
pub(crate) async fn exchange_for(tenant: &Tenant, name: &str) -> Response {
    exchange_with(tenant, &token(tenant, name, |_| ()), &[]).await
}

/// A Graph token from a right exchange.
#[track_caller]
pub(crate) fn graph_token(response: &Response) -> String {
    assert_eq!(response.status, StatusCode::OK, "{}", String::from_utf8_lossy(&response.body));
    response.json()["access_token"].as_str().unwrap().to_owned()
}

pub(crate) fn token(tenant: &Tenant, name: &str, change: impl FnOnce(&mut TokenPlan)) -> String {
    tenant.access_token(person(tenant, name), change)
}

pub(crate) fn person<'t>(tenant: &'t Tenant, name: &str) -> &'t Person {
    tenant.person(name).unwrap()
}

pub(crate) async fn me(tenant: &Tenant, graph_token: &str) -> Response {
    get_with_token(&format!("{}/v1.0/me", tenant.graph_url()), graph_token).await
}
