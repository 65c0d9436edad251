//! Independent clients judge the emulated tenant: MSAL for Python and MSAL for Node.
//!
//! Each signs people in by the authorization code flow, refreshes, exchanges on behalf of, and meets a claims challenge.
//! If their packages cannot be installed, a test is skipped with a message.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers, which clippy does not know as tests"
)]

use cargo_dev::{
    npm_and_pip::{npm, pip, unless_skipped},
    workspace,
};
use emulated_tenant::{Tenant, TenantOptions};
use serde_json::{Value, json};
use tokio::process::Command;

/// The clients, in this repository.
const SOURCE: &str = "dev/tenant/tests/clients";

const REDIRECT_URI: &str = "http://localhost:5999/callback";

#[tokio::test]
async fn msal_for_python() {
    let Some(folder) = unless_skipped("MSAL for Python", pip(SOURCE).await).unwrap() else { return };
    let mut client = Command::new(folder.join("bin/python"));
    client.arg(workspace::root().join(SOURCE).join("msal_client.py"));
    check(client).await;
}

#[tokio::test]
async fn msal_for_node() {
    let Some(folder) = unless_skipped("MSAL for Node", npm(SOURCE).await).unwrap() else { return };
    let mut client = Command::new("node");
    client.arg(folder.join("msal_client.mjs"));
    check(client).await;
}

/// Runs a client against a tenant of its own and compares its observations with the expected ones.
async fn check(mut client: Command) {
    let tenant = Tenant::start(TenantOptions::default()).await.unwrap();
    let web = tenant.web_client();
    tenant.register_redirect_uri(&web.client_id, REDIRECT_URI).unwrap();
    client
        .env("LOGIN_HOST", tenant.authority_url())
        .env("GRAPH", tenant.graph_url())
        .env("TENANT_ID", tenant.tenant_id())
        .env("REDIRECT_URI", REDIRECT_URI)
        .env("WEB_CLIENT_ID", web.client_id)
        .env("WEB_CLIENT_SECRET", web.client_secret)
        .env("API_CLIENT_ID", tenant.client_id())
        .env("API_CLIENT_SECRET", tenant.client_secret());
    let output = client.output().await.unwrap();
    assert!(output.status.success(), "the client failed:\n{}", String::from_utf8_lossy(&output.stderr));

    let mut seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    let claims = seen["challenge"]["claims"].take();
    assert_eq!(serde_json::from_str::<Value>(claims.as_str().unwrap()).unwrap(), tenant.second_factor_challenge());
    assert_eq!(
        seen,
        json!({
            "signed_in": "ada@emulated-tenant.example",
            "account": "ada@emulated-tenant.example",
            "profile": "Ada Marsh",
            "profile_after_refresh": "Ada Marsh",
            "token_was_renewed": true,
            "challenge": {"error": "invalid_grant", "suberror": "basic_action", "claims": null},
            "profile_after_challenge": "Mona Farouk",
        })
    );
}
