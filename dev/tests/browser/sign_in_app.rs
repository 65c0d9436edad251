//! The sign-in app: both components, everyone in the emulated tenant, and every page that they see.
//!
//! If `SCREENSHOTS` names a folder, an image of every visited page is saved there.

use std::collections::BTreeMap;

use emulated_tenant::Tenant;
use profile_get_dev::run::{Api, ApiOptions, Runner, SignInApp, SignInAppOptions};
use serde_json::json;

use crate::browser_tests::{BrowserTests, free_port};

#[tokio::test]
async fn everybody_signs_in() {
    let Some(tests) = BrowserTests::ready("everybody_signs_in").await else { return };
    let runner = Runner::from_environment().unwrap();
    let component_variables = BTreeMap::from([("server_timing".to_owned(), "on".to_owned())]);
    let options = ApiOptions { runner, component_variables, ..ApiOptions::default() };
    let api = Api::start(options).await.unwrap();
    let options = SignInAppOptions { runner, ..SignInAppOptions::default() };
    let app = SignInApp::start(&api, options.clone()).await.unwrap();
    let unreachable_api = Some(format!("http://127.0.0.1:{}", free_port()));
    let without_api = SignInAppOptions { api_url: unreachable_api, ..options.clone() };
    let without_api = SignInApp::start(&api, without_api).await.unwrap();
    // The same page at another host name, which is not registered.
    let unregistered = SignInAppOptions { host_name: "127.0.0.1", registered: false, ..options };
    let unregistered = SignInApp::start(&api, unregistered).await.unwrap();

    let application = json!({
        "appUrl": app.url(),
        "unreachableApiAppUrl": without_api.url(),
        "unregisteredAppUrl": unregistered.url(),
        "authorityUrl": api.tenant.authority_url(),
        "people": members(&api.tenant),
    });
    let outcome = tests.run("app.test.mjs", application).await;
    let log = app.server.settled_log_lines().await.join("\n");
    assert!(outcome.is_ok(), "{}\nThe app's log:\n{log}", outcome.unwrap_err());
    assert!(!log.contains("eyJ") && !log.contains(&api.tenant.web_client().client_secret), "a secret is in:\n{log}");
}

/// The people of the app's own directory.
fn members(tenant: &Tenant) -> Vec<&str> {
    let members = tenant.people().iter().filter(|person| person.tenant_id == tenant.tenant_id());
    members.map(|person| person.name.as_str()).collect()
}
