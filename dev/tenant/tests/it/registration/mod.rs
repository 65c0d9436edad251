//! Registering applications through Graph, and what Entra makes of them.

mod applications;
mod credentials;
mod service_principals;

use emulated_tenant::Tenant;
use http::Method;
use serde_json::{Value, json};

use crate::client::{Response, try_send};

const SCOPE_ID: &str = "5f0b6d0e-6a0b-4a5c-8a53-3f0f5c5f0a01";
const GRAPH_ID: &str = "00000003-0000-0000-c000-000000000000";
const USER_READ: &str = "e1fe6dd8-ba31-4d61-89e7-88639da4683d";

/// Graph, as the administrator or someone else calls it by the Azure CLI.
pub(crate) struct Graph<'t> {
    tenant: &'t Tenant,
    token: String,
}

impl<'t> Graph<'t> {
    pub(crate) fn of_administrator(tenant: &'t Tenant) -> Self {
        Self { tenant, token: tenant.azure_cli_graph_token(tenant.administrator()) }
    }

    pub(crate) fn of(tenant: &'t Tenant, name: &str) -> Self {
        Self { tenant, token: tenant.azure_cli_graph_token(tenant.person(name).unwrap()) }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let authorization = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
        all.extend(headers);
        try_send(method, &format!("{}/v1.0/{path}", self.tenant.graph_url()), &all, body).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Response {
        self.send(Method::POST, path, &[], &body.to_string()).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Response {
        self.send(Method::PATCH, path, &[], &body.to_string()).await
    }

    pub(crate) async fn upsert(&self, path: &str, body: Value) -> Response {
        self.send(Method::PATCH, path, &[("prefer", "create-if-missing")], &body.to_string()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Response {
        self.send(Method::DELETE, path, &[], "").await
    }

    /// Creates an application and returns its object id and client id.
    async fn application(&self, body: Value) -> (String, String) {
        let response = self.post("applications", body).await;
        assert_eq!(response.status, 201, "{}", response.json());
        let application = response.json();
        (text(&application, "id"), text(&application, "appId"))
    }
}

fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_else(|| panic!("{name} in {object}")).to_owned()
}

fn scope() -> Value {
    json!({
        "id": SCOPE_ID, "value": "user_impersonation", "type": "User", "isEnabled": true,
        "adminConsentDisplayName": "Use it", "adminConsentDescription": "Use it as somebody",
        "userConsentDisplayName": "Use it as you", "userConsentDescription": "Use it as you",
    })
}

fn required(resource: &str, scope: &str) -> Value {
    json!([{"resourceAppId": resource, "resourceAccess": [{"id": scope, "type": "Scope"}]}])
}
