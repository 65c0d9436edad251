//! A plain single-page application, which calls the API across origins with a token of its own, as most callers do.

use std::collections::BTreeMap;

use profile_get_dev::run::{Api, ApiOptions, Runner};
use serde_json::json;

use crate::browser_tests::{BrowserTests, free_port};

#[tokio::test]
async fn a_single_page_application_calls_across_origins() {
    let Some(tests) = BrowserTests::ready("a_single_page_application_calls_across_origins").await else { return };
    let runner = Runner::from_environment().unwrap();
    // The API's settings contain the origin, so its port is chosen before the page's server listens.
    let origin = format!("http://localhost:{}", free_port());
    let variables = BTreeMap::from([("allowed_origins".to_owned(), origin.clone())]);
    let api = Api::start(ApiOptions { runner, variables, ..ApiOptions::default() }).await;
    let api = api.unwrap();
    let tenant = &api.tenant;
    tenant.register_redirect_uri(tenant.spa_client_id(), &format!("{origin}/")).unwrap();

    let application = json!({
        "origin": origin,
        "apiUrl": api.server.url(),
        "apiClientId": tenant.client_id(),
        "authorityUrl": tenant.authority_url(),
        "tenantId": tenant.tenant_id(),
        "clientId": tenant.spa_client_id(),
    });
    let outcome = tests.run("single_page.test.mjs", application).await;
    let log = api.server.settled_log_lines().await.join("\n");
    assert!(outcome.is_ok(), "{}\nThe API's log:\n{log}", outcome.unwrap_err());
    assert!(!log.contains("eyJ"), "a token is in:\n{log}");
}
