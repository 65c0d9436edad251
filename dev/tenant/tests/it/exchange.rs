//! The on-behalf-of grant and what it refuses.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use emulated_tenant::{Signing, Tenant, TokenPlan};
use serde_json::json;

use crate::{
    client::{
        JWT_BEARER, Response, exchange_for, exchange_with, get, graph_token, me, post_form, start, token, token_url,
    },
    tokens::decode,
};

#[tokio::test]
async fn a_right_exchange_gives_a_graph_token() {
    let tenant = start().await;
    let response = exchange_for(&tenant, "ada").await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("cache-control"), Some("no-store, no-cache"));
    let body = response.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["scope"], "https://graph.microsoft.com/User.Read");
    assert_eq!((&body["expires_in"], &body["ext_expires_in"]), (&json!(4499), &json!(4499)));
    assert!(body.get("refresh_token").is_none() && body.get("refresh_in").is_none());
    let (header, claims) = decode(body["access_token"].as_str().unwrap());
    assert!(header["nonce"].is_string());
    assert_eq!(claims["aud"], "https://graph.microsoft.com");
    assert_eq!(claims["scp"], "User.Read");
    assert_eq!(tenant.exchanges(), 1);
}

#[tokio::test]
async fn version_1_tokens_and_common_are_accepted() {
    let tenant = start().await;
    let one = token(&tenant, "ada", |plan| plan.version_1());
    assert_eq!(exchange_with(&tenant, &one, &[]).await.status, 200);
    let common = format!("{}/common/oauth2/v2.0/token", tenant.authority_url());
    assert_eq!(exchange_at(&tenant, &common, &token(&tenant, "otto", |_| ())).await.status, 200);
}

#[tokio::test]
async fn an_exchange_belongs_to_the_tenant_of_its_token() {
    let tenant = start().await;
    let otto = token(&tenant, "otto", |_| ());
    exchange_with(&tenant, &otto, &[]).await.expect_failure(400, "invalid_grant", 50020);
    let own = format!("{}/{}/oauth2/v2.0/token", tenant.authority_url(), tenant.other_tenant_id());
    assert_eq!(exchange_at(&tenant, &own, &otto).await.status, 200);
    // Ada has no account there, whatever the token says.
    let ada = token(&tenant, "ada", |plan| plan.issued_by(tenant.other_tenant_id()));
    exchange_at(&tenant, &own, &ada).await.expect_failure(400, "invalid_grant", 50034);
}

async fn exchange_at(tenant: &Tenant, url: &str, assertion: &str) -> Response {
    let secret = tenant.client_secret();
    let fields = [
        ("grant_type", JWT_BEARER),
        ("requested_token_use", "on_behalf_of"),
        ("client_id", tenant.client_id()),
        ("client_secret", &secret),
        ("assertion", assertion),
        ("scope", "User.Read"),
    ];
    post_form(url, &[], &fields).await
}

#[tokio::test]
async fn assertions_that_are_not_a_live_token_for_the_api_are_refused() {
    let tenant = start().await;
    check(&tenant, |plan| plan.signing = Signing::UnknownKey, "invalid_grant", 50013).await;
    check(&tenant, |plan| plan.signing = Signing::ForgedKey, "invalid_grant", 50013).await;
    check(&tenant, |plan| plan.signing = Signing::Tampered, "invalid_grant", 50013).await;
    check(&tenant, |plan| plan.signing = Signing::Ps256, "invalid_grant", 50013).await;
    check(&tenant, |plan| plan.signing = Signing::NoneAlgorithm, "invalid_grant", 50013).await;
    check(&tenant, |plan| plan.signing = Signing::Hs256WithPublicKey, "invalid_grant", 50013).await;
    check(&tenant, |plan| plan.signing = Signing::MicrosoftAccountKey, "invalid_grant", 50013).await;
    check(&tenant, |plan| plan.signing = Signing::OtherCloudKey, "invalid_grant", 50013).await;
    check(&tenant, |plan| plan.set("iss", "https://sts.windows.net.example/"), "invalid_grant", 50013).await;
    check(&tenant, |plan| plan.expire(), "invalid_grant", 500_133).await;
    check(&tenant, |plan| plan.start_later(), "invalid_grant", 500_133).await;
    check(&tenant, |plan| plan.remove("exp"), "invalid_grant", 500_133).await;
    check(&tenant, |plan| plan.set("aud", "api://somebody-else"), "invalid_grant", 500_131).await;
    check(&tenant, |plan| plan.set("aud", "https://graph.microsoft.com"), "invalid_grant", 500_131).await;
    check(&tenant, |plan| plan.remove("azp"), "invalid_grant", 240_002).await;
    check(&tenant, |plan| plan.remove("scp"), "unauthorized_client", 7_000_114).await;
    check(&tenant, |plan| plan.set("oid", "nobody"), "invalid_grant", 50034).await;
    check(&tenant, |plan| plan.claims_text = Some("[]".into()), "invalid_request", 50027).await;
    assert_eq!(tenant.exchanges(), 0);
}

async fn check(tenant: &Tenant, change: impl FnOnce(&mut TokenPlan), error: &str, code: u32) {
    let assertion = token(tenant, "ada", change);
    exchange_with(tenant, &assertion, &[]).await.expect_failure(400, error, code);
}

#[tokio::test]
async fn tokens_of_other_kinds_are_refused() {
    let tenant = start().await;
    let ada = tenant.person("ada").unwrap();
    let app_only = tenant.app_only_token(|_| ());
    exchange_with(&tenant, &app_only, &[]).await.expect_failure(400, "unauthorized_client", 7_000_114);
    let id_token = tenant.id_token(ada, |_| ());
    exchange_with(&tenant, &id_token, &[]).await.expect_failure(400, "invalid_grant", 240_002);
    // Its signature covers another header than the one it has.
    let graph_token = tenant.graph_token(ada);
    exchange_with(&tenant, &graph_token, &[]).await.expect_failure(400, "invalid_grant", 50013);
}

#[tokio::test]
async fn wrong_requests_are_refused() {
    let tenant = start().await;
    let ada = token(&tenant, "ada", |_| ());
    for (field, value, status, error, code) in [
        ("grant_type", "", 400, "invalid_request", 900_144),
        ("grant_type", "password", 400, "unsupported_grant_type", 70003),
        ("client_id", "", 400, "invalid_request", 900_144),
        ("client_id", "11111111-2222-3333-4444-555555555555", 400, "unauthorized_client", 700_016),
        ("client_secret", "", 401, "invalid_client", 7_000_218),
        ("client_secret", "wrong", 401, "invalid_client", 7_000_215),
        ("requested_token_use", "", 400, "invalid_request", 900_144),
        ("requested_token_use", "other", 400, "invalid_request", 90023),
        ("assertion", "", 400, "invalid_request", 900_144),
        ("assertion", "not.a.token", 400, "invalid_request", 50027),
        ("scope", "", 400, "invalid_request", 900_144),
        ("scope", "openid profile", 400, "invalid_scope", 28002),
        ("scope", "https://graph.microsoft.com/Nonsense", 400, "invalid_scope", 70011),
        ("scope", "https://graph.microsoft.com/.default User.Read", 400, "invalid_scope", 70011),
        ("scope", "User.Read https://vault.azure.net/User.Read", 400, "invalid_scope", 700_022),
        ("scope", "https://unknown.example/User.Read", 400, "invalid_resource", 500_011),
        ("scope", "https://graph.microsoft.com/Mail.Read", 400, "invalid_grant", 65001),
        ("claims", "{", 400, "invalid_request", 90023),
    ] {
        let response = exchange_with(&tenant, &ada, &[(field, value)]).await;
        println!("{field}={value}");
        response.expect_failure(status, error, code);
    }
    assert_eq!(tenant.exchanges(), 0);
}

#[tokio::test]
async fn method_content_type_and_repetition_are_checked() {
    let tenant = start().await;
    let url = token_url(&tenant);
    get(&url, &[]).await.expect_failure(405, "invalid_request", 900_561);
    let json = [("content-type", "application/json")];
    let response = crate::client::try_send(http::Method::POST, &url, &json, "grant_type=x").await.unwrap();
    response.expect_failure(400, "invalid_request", 900_144);
    let twice = [("grant_type", JWT_BEARER), ("grant_type", JWT_BEARER)];
    post_form(&url, &[], &twice).await.expect_failure(400, "invalid_request", 9_000_411);
}

#[tokio::test]
async fn errors_carry_ids_and_echo_the_clients_own() {
    let tenant = start().await;
    let own = "01234567-89ab-cdef-0123-456789abcdef";
    let headers = [("client-request-id", own), ("return-client-request-id", "true")];
    let response = post_form(&token_url(&tenant), &headers, &[]).await;
    let body = response.expect_failure(400, "invalid_request", 900_144);
    assert_eq!(body["correlation_id"], own);
    assert_eq!(response.header("client-request-id"), Some(own));
    assert!(response.header("x-ms-request-id").is_some());
    assert_eq!(response.header("x-ms-clitelem"), Some("1,900144,0,,"));
    let description = body["error_description"].as_str().unwrap();
    assert!(description.starts_with("AADSTS900144: ") && description.contains(" Trace ID: "), "{description}");
    assert!(!description.contains(['\r', '\n']), "{description}");
}

#[tokio::test]
async fn codes_about_which_there_is_nothing_to_read_come_without_a_page() {
    let tenant = start().await;
    let ada = token(&tenant, "ada", |_| ());
    for (field, value, code, has_page) in [
        ("client_secret", "wrong", 7_000_215, true),
        ("client_id", "11111111-2222-3333-4444-555555555555", 700_016, true),
        ("client_id", "00000000-0000-0000-0000-000000000000", 700_038, false),
        ("grant_type", "password", 70003, false),
        ("scope", "Mail.Read", 65001, false),
    ] {
        let body = exchange_with(&tenant, &ada, &[(field, value)]).await.json();
        assert_eq!(body["error_codes"][0], code);
        let page = format!("https://login.microsoftonline.com/error?code={code}");
        assert_eq!(body["error_uri"].as_str(), has_page.then_some(page.as_str()), "{code}");
    }
}

#[tokio::test]
async fn the_client_may_use_http_basic() {
    let tenant = start().await;
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let credentials = format!("{}:{}", encode(tenant.client_id()), encode(&tenant.client_secret()));
    let basic = format!("Basic {}", STANDARD.encode(credentials));
    let ada = token(&tenant, "ada", |_| ());
    let fields = [
        ("grant_type", JWT_BEARER),
        ("requested_token_use", "on_behalf_of"),
        ("assertion", &ada),
        ("scope", "User.Read"),
    ];
    let response = post_form(&token_url(&tenant), &[("authorization", &basic)], &fields).await;
    assert_eq!(response.status, 200);
    let secret = tenant.client_secret();
    let both = [&fields[..], &[("client_secret", &secret)]].concat();
    let response = post_form(&token_url(&tenant), &[("authorization", &basic)], &both).await;
    response.expect_failure(400, "invalid_request", 90023);
}

#[tokio::test]
async fn scopes_come_back_as_they_were_asked_for() {
    let tenant = start().await;
    let ada = token(&tenant, "ada", |_| ());
    for (asked, granted) in [
        ("user.read", "User.Read"),
        ("https://graph.microsoft.com/user.read", "https://graph.microsoft.com/User.Read"),
        ("https://graph.microsoft.com/.default", "https://graph.microsoft.com/User.Read"),
        ("00000003-0000-0000-c000-000000000000/User.Read", "00000003-0000-0000-c000-000000000000/User.Read"),
        ("User.Read openid offline_access", "User.Read openid"),
    ] {
        let response = exchange_with(&tenant, &ada, &[("scope", asked)]).await.json();
        assert_eq!(response["scope"], granted, "{asked}");
    }
}

#[tokio::test]
async fn clients_that_can_handle_challenges_get_long_lived_tokens() {
    let tenant = start().await;
    let ada = token(&tenant, "ada", |_| ());
    let claims = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;
    let response = exchange_with(&tenant, &ada, &[("claims", claims)]).await.json();
    assert_eq!((&response["expires_in"], response.get("refresh_in")), (&json!(86_399), None));
    assert_eq!(decode(response["access_token"].as_str().unwrap()).1["xms_cc"], json!(["cp1"]));
}

#[tokio::test]
async fn a_refresh_token_of_an_exchange_gives_another_graph_token() {
    let tenant = start().await;
    let ada = token(&tenant, "ada", |_| ());
    let scope = "https://graph.microsoft.com/User.Read offline_access";
    let response = exchange_with(&tenant, &ada, &[("scope", scope)]).await.json();
    let secret = tenant.client_secret();
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", tenant.client_id()),
        ("client_secret", &secret),
        ("refresh_token", response["refresh_token"].as_str().unwrap()),
    ];
    let refreshed = post_form(&token_url(&tenant), &[], &fields).await;
    assert_eq!(me(&tenant, &graph_token(&refreshed)).await.status, 200);
}

#[tokio::test]
async fn tokens_of_personal_accounts_are_signed_by_their_own_key() {
    let tenant = start().await;
    let at_accounts = format!("{}/consumers/oauth2/v2.0/token", tenant.authority_url());
    let paula = token(&tenant, "paula", |_| ());
    exchange_at(&tenant, &at_accounts, &paula).await.expect_failure(400, "invalid_grant", 70000);
    let forged = token(&tenant, "paula", |plan| plan.signing = Signing::Right);
    exchange_at(&tenant, &at_accounts, &forged).await.expect_failure(400, "invalid_grant", 50013);
}

#[tokio::test]
async fn a_rotated_secret_replaces_the_old_one() {
    let tenant = start().await;
    let old = tenant.client_secret();
    let new = tenant.rotate_client_secret();
    assert_eq!(tenant.client_secret(), new);
    let ada = token(&tenant, "ada", |_| ());
    let response = exchange_with(&tenant, &ada, &[("client_secret", &old)]).await;
    response.expect_failure(401, "invalid_client", 7_000_215);
    assert_eq!(exchange_with(&tenant, &ada, &[]).await.status, 200);
    tenant.expire_client_secret();
    exchange_with(&tenant, &ada, &[]).await.expect_failure(401, "invalid_client", 7_000_222);
}
