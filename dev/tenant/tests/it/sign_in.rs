//! Signing in with a browser: the pages, and the response to the application.

use emulated_tenant::Tenant;
use serde_json::json;

use crate::{
    browser::{Browser, Page, REDIRECT_URI, authorize, start_with_clients},
    client::get,
};

/// Opens an authorization request of the web application.
async fn open(browser: &mut Browser<'_>, tenant: &Tenant, changed: &[(&str, &str)]) -> Page {
    browser.open(&authorize(tenant, &tenant.web_client().client_id, changed)).await
}

#[tokio::test]
async fn the_page_lists_the_people_of_the_tenant_and_a_choice_gives_a_code() {
    let tenant = start_with_clients().await;
    let mut browser = Browser::new(&tenant);
    let page = open(&mut browser, &tenant, &[]).await;
    page.expect_heading("Sign in");
    for person in tenant.people() {
        assert_eq!(page.has_button("person", &person.name), person.tenant_id == tenant.tenant_id(), "{}", person.name);
    }
    let (uri, parameters) = browser.press(&page, "person", "ada").await.redirect();
    assert_eq!(uri, REDIRECT_URI);
    assert!(parameters.get("code").is_some() && parameters.get("session_state").is_some());
    assert_eq!(parameters.get("state"), Some("a state & more"));
    assert_eq!(parameters.get("client_info"), None);
}

#[tokio::test]
async fn pages_allow_nothing_but_their_own_style_and_forms() {
    let tenant = start_with_clients().await;
    let page = open(&mut Browser::new(&tenant), &tenant, &[]).await;
    let policy = page.0.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.ends_with("; form-action 'self' http://localhost:5999"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(!page.text().contains("<script"));
    assert_eq!(page.0.header("cache-control"), Some("no-store, no-cache"));
}

#[tokio::test]
async fn each_response_mode_carries_the_same_parameters() {
    let tenant = start_with_clients().await;
    for (mode, separator) in [("query", '?'), ("fragment", '#')] {
        let mut browser = Browser::new(&tenant);
        let page = open(&mut browser, &tenant, &[("response_mode", mode), ("client_info", "1")]).await;
        let response = browser.press(&page, "person", "ada").await;
        assert!(
            response.0.header("location").unwrap().starts_with(&format!("{REDIRECT_URI}{separator}code=")),
            "{mode}"
        );
        assert!(response.redirect().1.get("client_info").is_some());
    }
    let mut browser = Browser::new(&tenant);
    let page = open(&mut browser, &tenant, &[("response_mode", "form_post")]).await;
    let response = browser.press(&page, "person", "ada").await;
    assert!(response.text().contains(&format!("action=\"{REDIRECT_URI}\"")), "{}", response.text());
    let names: Vec<_> = response.hidden_fields().into_iter().map(|field| field.0).collect();
    assert_eq!(names, ["code", "session_state", "state"]);
    assert!(response.hidden_fields().contains(&("state".into(), "a state & more".into())));
}

#[tokio::test]
async fn what_may_mean_harm_stays_on_the_login_host() {
    let tenant = start_with_clients().await;
    for (field, value, code) in [
        ("client_id", "", 900_144),
        ("client_id", "11111111-2222-3333-4444-555555555555", 700_016),
        ("redirect_uri", "http://localhost:5999/other", 50011),
        ("redirect_uri", "https://harm.example/callback", 50011),
    ] {
        let page = open(&mut Browser::new(&tenant), &tenant, &[(field, value)]).await;
        assert_eq!(page.0.status, 400, "{field}={value}");
        assert!(page.text().contains(&format!("AADSTS{code}: ")), "{field}={value}: {}", page.text());
        assert!(page.0.header("location").is_none());
    }
    let url = format!("{}/nowhere.example/oauth2/v2.0/authorize", tenant.authority_url());
    let page = Page(get(&url, &[]).await);
    assert!(page.text().contains("AADSTS90002: "));
    let own = "01234567-89ab-cdef-0123-456789abcdef";
    let page = open(&mut Browser::new(&tenant), &tenant, &[("client_id", "x"), ("client-request-id", own)]).await;
    assert!(page.text().contains(own));
}

#[tokio::test]
async fn markup_in_a_request_is_shown_as_text() {
    let tenant = start_with_clients().await;
    let page = open(&mut Browser::new(&tenant), &tenant, &[("client_id", "<script>alert(1)</script>")]).await;
    assert!(!page.text().contains("<script>"), "{}", page.text());
    let page = open(&mut Browser::new(&tenant), &tenant, &[("state", "\"><script>")]).await;
    assert!(!page.text().contains("<script>"), "{}", page.text());
}

#[tokio::test]
async fn other_mistakes_are_told_to_the_application() {
    let tenant = start_with_clients().await;
    for (field, value, error, code) in [
        ("response_type", "", "invalid_request", 900_144),
        ("response_type", "id_token", "unsupported_response_type", 700_054),
        ("response_type", "nonsense", "unsupported_response_type", 90023),
        ("response_mode", "nonsense", "invalid_request", 90023),
        ("scope", "", "invalid_request", 900_144),
        ("scope", "https://unknown.example/User.Read", "invalid_resource", 500_011),
        ("scope", "Nonsense", "invalid_scope", 70011),
        ("resource", "https://api.contoso.example/mcp", "invalid_target", 9_010_010),
        ("prompt", "nonsense", "invalid_request", 90023),
        ("claims", "{", "invalid_request", 90023),
        ("code_challenge", "short", "invalid_request", 501_491),
        ("code_challenge", "", "invalid_request", 900_144),
        ("code_challenge_method", "S512", "invalid_request", 501_491),
    ] {
        println!("{field}={value}");
        open(&mut Browser::new(&tenant), &tenant, &[(field, value)]).await.expect_refusal(error, code);
    }
}

#[tokio::test]
async fn a_single_page_application_needs_a_proof_key() {
    let tenant = start_with_clients().await;
    let mut browser = Browser::new(&tenant);
    for changed in [&[("code_challenge", ""), ("code_challenge_method", "")][..], &[("code_challenge_method", "plain")]]
    {
        let page = browser.open(&authorize(&tenant, tenant.spa_client_id(), changed)).await;
        page.expect_refusal("invalid_request", 9_002_325);
    }
    browser.open(&authorize(&tenant, tenant.spa_client_id(), &[])).await.expect_heading("Sign in");
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    open(&mut browser, &tenant, &without).await.expect_heading("Sign in");
}

#[tokio::test]
async fn a_person_may_cancel() {
    let tenant = start_with_clients().await;
    let mut browser = Browser::new(&tenant);
    let page = open(&mut browser, &tenant, &[]).await;
    let (_, parameters) = browser.press(&page, "cancel", "yes").await.redirect();
    assert_eq!(parameters.get("error"), Some("access_denied"));
    assert_eq!(parameters.get("error_subcode"), Some("cancel"));
    assert_eq!(parameters.get("state"), Some("a state & more"));
}

#[tokio::test]
async fn whoever_is_signed_in_is_not_asked_again_unless_the_request_wants_it() {
    let tenant = start_with_clients().await;
    let mut browser = Browser::new(&tenant);
    let silent = [("prompt", "none")];
    open(&mut browser, &tenant, &silent).await.expect_refusal("login_required", 50058);
    let page = open(&mut browser, &tenant, &[]).await;
    let (_, first) = browser.press(&page, "person", "ada").await.redirect();
    let (_, second) = open(&mut browser, &tenant, &silent).await.redirect();
    assert!(second.get("code").is_some());
    assert_eq!(first.get("session_state"), second.get("session_state"));
    assert!(open(&mut browser, &tenant, &[]).await.redirect().1.get("code").is_some());
    for prompt in ["login", "select_account"] {
        open(&mut browser, &tenant, &[("prompt", prompt)]).await.expect_heading("Sign in");
    }
    let other = [("prompt", "none"), ("login_hint", "pia@emulated-tenant.example")];
    open(&mut browser, &tenant, &other).await.expect_refusal("login_required", 50058);
}

#[tokio::test]
async fn hints_shorten_the_list() {
    let tenant = start_with_clients().await;
    let mut browser = Browser::new(&tenant);
    let page = open(&mut browser, &tenant, &[("login_hint", "Mona@emulated-tenant.example")]).await;
    assert!(page.has_button("person", "mona") && !page.has_button("person", "ada"));
    assert!(page.text().contains("Use another account"));
    let page = open(&mut browser, &tenant, &[("login_hint", "nobody@emulated-tenant.example")]).await;
    assert!(page.has_button("person", "ada"));
    let path = authorize(&tenant, &tenant.web_client().client_id, &[("domain_hint", "other-tenant.example")]);
    let page = browser.open(&path.replacen(tenant.tenant_id(), "common", 1)).await;
    assert!(page.has_button("person", "otto") && !page.has_button("person", "ada"));
}

#[tokio::test]
async fn a_person_of_another_tenant_cannot_sign_in() {
    let tenant = start_with_clients().await;
    let mut browser = Browser::new(&tenant);
    let path = authorize(&tenant, &tenant.web_client().client_id, &[]);
    let page = browser.open(&path.replacen(tenant.tenant_id(), "organizations", 1)).await;
    assert!(browser.press(&page, "person", "otto").await.redirect().1.get("code").is_some());
    // Otto is signed in, but not into this tenant.
    browser.open(&path).await.expect_heading("Sign in");
    let own = path.replacen(tenant.tenant_id(), tenant.other_tenant_id(), 1);
    assert!(browser.open(&own).await.redirect().1.get("code").is_some());
}

#[tokio::test]
async fn a_claims_challenge_takes_a_second_factor_once_in_a_session() {
    let tenant = start_with_clients().await;
    let mut browser = Browser::new(&tenant);
    let challenge = tenant.second_factor_challenge().to_string();
    let page = open(&mut browser, &tenant, &[("claims", &challenge)]).await;
    let page = browser.press(&page, "person", "mona").await;
    page.expect_heading("Verify your identity");
    assert!(browser.press(&page, "second_factor", "passed").await.redirect().1.get("code").is_some());
    let silent = [("claims", challenge.as_str()), ("prompt", "none")];
    assert!(open(&mut browser, &tenant, &silent).await.redirect().1.get("code").is_some());

    let mut other = Browser::new(&tenant);
    let capable = json!({"access_token": {"xms_cc": {"values": ["cp1"]}}}).to_string();
    let page = open(&mut other, &tenant, &[("claims", &capable)]).await;
    assert!(other.press(&page, "person", "mona").await.redirect().1.get("code").is_some());
    open(&mut other, &tenant, &silent).await.expect_refusal("interaction_required", 50076);
    let page = open(&mut other, &tenant, &[("claims", &challenge)]).await;
    page.expect_heading("Verify your identity");
    let (_, parameters) = other.press(&page, "cancel", "yes").await.redirect();
    assert_eq!(parameters.get("error_subcode"), Some("cancel"));
}
