//! Consent: who has to give it, and what follows.

use emulated_tenant::Tenant;

use crate::{
    browser::{Browser, REDIRECT_URI, authorize, start_with_clients},
    client::{exchange_for, exchange_with, token},
};

const GRAPH_SCOPE: &str = "https://graph.microsoft.com/User.Read";

/// The path that a problem document of the API sends a person to.
fn consent_path(tenant: &Tenant) -> String {
    let query = format!("client_id={}&response_type=code&prompt=consent&scope={GRAPH_SCOPE}", tenant.client_id());
    format!("/{}/oauth2/v2.0/authorize?{query}", tenant.tenant_id())
}

/// The path that it sends an administrator to.
fn admin_consent_path(tenant: &Tenant, more: &str) -> String {
    format!("/{}/v2.0/adminconsent?client_id={}&scope={GRAPH_SCOPE}{more}", tenant.tenant_id(), tenant.client_id())
}

#[tokio::test]
async fn connie_can_consent_for_herself() {
    let tenant = start_with_clients().await;
    exchange_for(&tenant, "connie").await.expect_failure(400, "invalid_grant", 65001);
    let mut browser = Browser::new(&tenant);
    let page = browser.open(&consent_path(&tenant)).await;
    let page = browser.press(&page, "person", "connie").await;
    page.expect_heading("Permissions requested");
    browser.press(&page, "consent", "accepted").await.expect_heading("Consent granted");
    assert_eq!(exchange_for(&tenant, "connie").await.status, 200);
}

#[tokio::test]
async fn declining_and_cancelling_change_nothing() {
    let tenant = start_with_clients().await;
    let mut browser = Browser::new(&tenant);
    let page = browser.open(&consent_path(&tenant)).await;
    browser.press(&page, "cancel", "yes").await.expect_heading("Cancelled");
    let page = browser.press(&page, "person", "connie").await;
    let page = browser.press(&page, "consent", "declined").await;
    assert!(page.text().contains("AADSTS65004: "), "{}", page.text());
    exchange_for(&tenant, "connie").await.expect_failure(400, "invalid_grant", 65001);
}

#[tokio::test]
async fn adrian_needs_the_administrator() {
    let tenant = start_with_clients().await;
    let mut browser = Browser::new(&tenant);
    let page = browser.open(&consent_path(&tenant)).await;
    browser.press(&page, "person", "adrian").await.expect_heading("Approval required");

    let page = browser.open(&admin_consent_path(&tenant, "")).await;
    page.expect_heading("Permissions requested");
    exchange_for(&tenant, "adrian").await.expect_failure(400, "invalid_grant", 90094);
    browser.press(&page, "consent", "accepted").await.expect_heading("Consent granted");
    for name in ["adrian", "connie"] {
        assert_eq!(exchange_for(&tenant, name).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn the_application_is_told_of_the_administrators_answer() {
    let tenant = start_with_clients().await;
    tenant.register_redirect_uri(tenant.client_id(), REDIRECT_URI).unwrap();
    let mut browser = Browser::new(&tenant);
    let page = browser.open(&admin_consent_path(&tenant, &format!("&state=s&redirect_uri={REDIRECT_URI}"))).await;
    let (_, parameters) = browser.press(&page, "consent", "accepted").await.redirect();
    assert_eq!((parameters.get("admin_consent"), parameters.get("state")), (Some("True"), Some("s")));
    assert_eq!(parameters.get("tenant"), Some(tenant.tenant_id()));
    assert_eq!(parameters.get("scope"), Some(GRAPH_SCOPE));
    browser.press(&page, "consent", "declined").await.expect_refusal("consent_required", 65004);
}

#[tokio::test]
async fn asking_for_all_of_the_api_asks_for_what_it_needs_too() {
    let tenant = start_with_clients().await;
    let client_id = tenant.web_client().client_id;
    let scope = format!("openid api://{}/.default", tenant.client_id());
    let mut browser = Browser::new(&tenant);
    let page = browser.open(&authorize(&tenant, &client_id, &[("scope", &scope)])).await;
    let page = browser.press(&page, "person", "connie").await;
    page.expect_heading("Permissions requested");
    assert!(page.text().contains("Through that API: Read your profile"), "{}", page.text());
    browser.press(&page, "consent", "declined").await.expect_refusal("access_denied", 65004);
    assert!(browser.press(&page, "consent", "accepted").await.redirect().1.get("code").is_some());
    assert_eq!(exchange_for(&tenant, "connie").await.status, 200);
}

#[tokio::test]
async fn consent_is_for_the_permission_that_was_shown() {
    let tenant = start_with_clients().await;
    let mail = [("scope", "https://graph.microsoft.com/Mail.Read")];
    let ada = token(&tenant, "ada", |_| ());
    exchange_with(&tenant, &ada, &mail).await.expect_failure(400, "invalid_grant", 65001);
    let mut browser = Browser::new(&tenant);
    let page = browser.open(&consent_path(&tenant).replace("User.Read", "Mail.Read")).await;
    let page = browser.press(&page, "person", "ada").await;
    browser.press(&page, "consent", "accepted").await.expect_heading("Consent granted");
    assert_eq!(exchange_with(&tenant, &ada, &mail).await.json()["scope"], mail[0].1);
    // Someone else's consent does not count.
    let pia = token(&tenant, "pia", |_| ());
    exchange_with(&tenant, &pia, &mail).await.expect_failure(400, "invalid_grant", 65001);
}

#[tokio::test]
async fn no_page_is_shown_to_somebody_who_must_not_be_asked() {
    let tenant = start_with_clients().await;
    let client_id = tenant.web_client().client_id;
    let mut browser = Browser::new(&tenant);
    let page = browser.open(&authorize(&tenant, &client_id, &[])).await;
    browser.press(&page, "person", "connie").await.redirect();
    let silent = [("scope", GRAPH_SCOPE), ("prompt", "none")];
    let page = browser.open(&authorize(&tenant, &client_id, &silent)).await;
    page.expect_refusal("interaction_required", 65001);
}

#[tokio::test]
async fn a_sign_in_without_any_redirect_uri_is_refused() {
    let tenant = start_with_clients().await;
    let page = Browser::new(&tenant).open(&consent_path(&tenant).replace("&prompt=consent", "")).await;
    assert!(page.text().contains("AADSTS900971: "), "{}", page.text());
}
