//! The requests that the services received.

use askama::Template;
use http::{Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{page, server::request_log::LoggedRequest, tenant::Tenant, wire::ResponseBody};

/// How many the page shows.
const SHOWN: usize = 200;

/// Headers, and parameters of queries and forms, whose values are never secret. The page leaves out all others.
const SHOWN_VALUES: [&str; 34] = [
    "accept",
    "accept-encoding",
    "api-version",
    "claims",
    "client-request-id",
    "client_assertion_type",
    "client_id",
    "content-length",
    "content-type",
    "domain_hint",
    "grant_type",
    "host",
    "login_hint",
    "metadata",
    "mi_res_id",
    "object_id",
    "origin",
    "post_logout_redirect_uri",
    "prefer",
    "principal_id",
    "prompt",
    "redirect_uri",
    "requested_token_use",
    "resource",
    "response_mode",
    "response_type",
    "return-client-request-id",
    "scope",
    "user-agent",
    "x-app-name",
    "x-app-ver",
    "x-client-os",
    "x-client-sku",
    "x-client-ver",
];

/// All, the oldest first.
pub(super) fn list(tenant: &Tenant) -> Value {
    tenant.requests().iter().map(describe).collect()
}

fn describe(request: &LoggedRequest) -> Value {
    json!({
        "received": received(request).to_string(),
        "service": request.service,
        "endpoint": request.endpoint,
        "method": request.method,
        "path": request.path(),
        "query": query(request),
        "headers": request.headers,
        "form": request.form,
        "response_status": request.response_status(),
    })
}

#[derive(Template)]
#[template(path = "requests.html")]
struct Page {
    requests: Vec<Row>,
}

struct Row {
    time: String,
    endpoint: String,
    method: String,
    path: String,
    values: Vec<(String, String)>,
    status: String,
}

/// The latest ones, without values that may be secrets.
pub(super) fn page(tenant: &Tenant) -> Response<ResponseBody> {
    let requests = tenant.requests().iter().rev().take(SHOWN).map(row).collect();
    page::response(StatusCode::OK, &Page { requests }, None)
}

fn row(request: &LoggedRequest) -> Row {
    let values = [query(request), request.form.clone(), request.headers.clone()].concat();
    let shown = |(name, value): (String, String)| match SHOWN_VALUES.contains(&name.as_str()) {
        true => (name, value),
        false => (name, format!("({} bytes)", value.len())),
    };
    Row {
        time: received(request).strftime("%T.%3f").to_string(),
        endpoint: json!(request.endpoint).as_str().unwrap_or_default().to_owned(),
        method: request.method.clone(),
        path: request.path().to_owned(),
        values: values.into_iter().map(shown).collect(),
        status: request.response_status().map_or_else(|| "none".to_owned(), |status| status.to_string()),
    }
}

fn received(request: &LoggedRequest) -> Timestamp {
    Timestamp::try_from(request.received).unwrap_or_default()
}

fn query(request: &LoggedRequest) -> Vec<(String, String)> {
    let query = request.path_and_query.split_once('?').map(|(_, query)| query).unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
