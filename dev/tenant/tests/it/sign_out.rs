//! Signing out.

use emulated_tenant::{Signing, Tenant};

use crate::browser::{Browser, REDIRECT_URI, authorize, start_with_clients};

const AFTERWARDS: &str = "http://localhost:5999/signed-out";

async fn signed_in(tenant: &Tenant) -> Browser<'_> {
    let mut browser = Browser::new(tenant);
    let page = browser.open(&authorize(tenant, &tenant.web_client().client_id, &[])).await;
    browser.press(&page, "person", "ada").await.redirect();
    browser
}

async fn assert_signed_out(tenant: &Tenant, browser: &mut Browser<'_>) {
    let silent = authorize(tenant, &tenant.web_client().client_id, &[("prompt", "none")]);
    browser.open(&silent).await.expect_refusal("login_required", 50058);
}

fn logout(tenant: &Tenant, query: &str) -> String {
    format!("/{}/oauth2/v2.0/logout?{query}", tenant.tenant_id())
}

#[tokio::test]
async fn the_session_ends_and_the_browser_goes_where_it_may() {
    let tenant = start_with_clients().await;
    let web_client_id = tenant.web_client().client_id;
    tenant.register_redirect_uri(&web_client_id, AFTERWARDS).unwrap();
    let id_token = |client_id: String| {
        tenant.id_token(tenant.person("ada").unwrap(), |plan| {
            plan.set("aud", client_id);
            plan.expire();
        })
    };
    let (own, other) = (id_token(web_client_id), id_token(tenant.spa_client_id().to_owned()));
    for (query, goes) in [
        (format!("post_logout_redirect_uri={AFTERWARDS}"), true),
        (format!("post_logout_redirect_uri={AFTERWARDS}&id_token_hint={own}"), true),
        (format!("post_logout_redirect_uri={AFTERWARDS}&id_token_hint={other}"), false),
        ("post_logout_redirect_uri=https://harm.example/".to_owned(), false),
        (String::new(), false),
    ] {
        let mut browser = signed_in(&tenant).await;
        let page = browser.open(&logout(&tenant, &format!("{query}&state=s"))).await;
        println!("{query}");
        if goes {
            let (uri, parameters) = page.redirect();
            assert_eq!((uri.as_str(), parameters.get("state")), (AFTERWARDS, Some("s")));
        } else {
            page.expect_heading("Signed out");
        }
        assert_signed_out(&tenant, &mut browser).await;
    }
}

#[tokio::test]
async fn a_forged_hint_is_refused() {
    let tenant = start_with_clients().await;
    let forged = tenant.id_token(tenant.person("ada").unwrap(), |plan| plan.signing = Signing::ForgedKey);
    for hint in [forged.as_str(), "x"] {
        let path = logout(&tenant, &format!("post_logout_redirect_uri={REDIRECT_URI}&id_token_hint={hint}"));
        let page = signed_in(&tenant).await.open(&path).await;
        assert!(page.text().contains("AADSTS50027: "), "{}", page.text());
    }
}
