//! Redeeming codes and refresh tokens, and what the tokens hold.

use emulated_tenant::Tenant;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, REDIRECT_URI, VERIFIER, authorize, start_with_clients},
    client::{Response, exchange_with, graph_token, me, post_form, token_url, try_send},
    tokens::decode,
};

const ORIGIN: &str = "http://localhost:5999";

/// Signs a person in at a request of `client_id` and returns the code.
async fn code(tenant: &Tenant, client_id: &str, person: &str, changed: &[(&str, &str)]) -> String {
    let mut browser = Browser::new(tenant);
    let page = browser.open(&authorize(tenant, client_id, changed)).await;
    let mut page = browser.press(&page, "person", person).await;
    if page.has_button("second_factor", "passed") {
        page = browser.press(&page, "second_factor", "passed").await;
    }
    page.redirect().1.get("code").unwrap().to_owned()
}

/// Redeems a code of the web application, with `changed` in place of the fields it names; an empty value leaves a field
/// out.
async fn redeem(tenant: &Tenant, code: &str, changed: &[(&str, &str)]) -> Response {
    let web = tenant.web_client();
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("client_id", &web.client_id),
        ("client_secret", &web.client_secret),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    fields.retain(|field| changed.iter().all(|change| change.0 != field.0));
    fields.extend(changed.iter().filter(|change| !change.1.is_empty()));
    post_form(&token_url(tenant), &[], &fields).await
}

/// The tokens of a right sign-in at the web application.
async fn sign_in(tenant: &Tenant, person: &str, changed: &[(&str, &str)]) -> Value {
    let code = code(tenant, &tenant.web_client().client_id, person, changed).await;
    let response = redeem(tenant, &code, &[]).await;
    assert_eq!(response.status, 200, "{}", response.json());
    response.json()
}

#[tokio::test]
async fn a_code_gives_a_token_that_the_api_can_exchange() {
    let tenant = start_with_clients().await;
    let tokens = sign_in(&tenant, "ada", &[]).await;
    let scope = format!("api://{}/user_impersonation", tenant.client_id());
    assert_eq!((&tokens["token_type"], &tokens["scope"]), (&json!("Bearer"), &json!(scope)));
    let access_token = tokens["access_token"].as_str().unwrap();
    let (_, claims) = decode(access_token);
    assert_eq!(claims["aud"], tenant.client_id());
    assert_eq!((&claims["azp"], &claims["azpacr"]), (&json!(tenant.web_client().client_id), &json!("1")));
    assert_eq!(claims["scp"], "user_impersonation");
    let exchange = exchange_with(&tenant, access_token, &[]).await;
    assert_eq!(me(&tenant, &graph_token(&exchange)).await.json()["displayName"], "Ada Marsh");
}

#[tokio::test]
async fn the_id_token_is_for_the_application_and_has_the_nonce() {
    let tenant = start_with_clients().await;
    let tokens = sign_in(&tenant, "ada", &[]).await;
    let (_, claims) = decode(tokens["id_token"].as_str().unwrap());
    let ada = tenant.person("ada").unwrap();
    assert_eq!(claims["aud"], tenant.web_client().client_id);
    assert_eq!(claims["iss"], format!("{}/{}/v2.0", tenant.authority_url(), tenant.tenant_id()));
    assert_eq!((&claims["nonce"], &claims["oid"]), (&json!("n-0S6"), &json!(ada.object_id)));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3900);
    assert!(claims["sid"].is_string() && claims.get("scp").is_none() && claims.get("email").is_none());
}

#[tokio::test]
async fn what_was_not_asked_for_is_not_given() {
    let tenant = start_with_clients().await;
    let api = format!("api://{}/.default", tenant.client_id());
    let tokens = sign_in(&tenant, "ada", &[("scope", &api)]).await;
    assert_eq!(tokens["scope"], format!("api://{}/user_impersonation", tenant.client_id()));
    assert!(tokens.get("id_token").is_none() && tokens.get("refresh_token").is_none());
    assert!(tokens.get("client_info").is_none());

    let tokens = sign_in(&tenant, "ada", &[("scope", "openid email")]).await;
    assert_eq!(tokens["scope"], "openid email");
    let (_, claims) = decode(tokens["id_token"].as_str().unwrap());
    assert_eq!(claims["email"], "ada@emulated-tenant.example");
    assert!(claims.get("name").is_none() && claims.get("oid").is_none());
    let (_, claims) = decode(tokens["access_token"].as_str().unwrap());
    assert_eq!(claims["aud"], "https://graph.microsoft.com");
}

#[tokio::test]
async fn a_code_is_redeemed_once_by_whom_it_was_sent_to() {
    let tenant = start_with_clients().await;
    let code = code(&tenant, &tenant.web_client().client_id, "ada", &[]).await;
    let other = tenant.vault_identity();
    for (changed, status, error, code_number) in [
        (&[("code", "")][..], 400, "invalid_request", 900_144),
        (&[("code", "1.made-up")], 400, "invalid_grant", 9_002_313),
        (&[("client_secret", "")], 401, "invalid_client", 7_000_218),
        (&[("client_secret", "wrong")], 401, "invalid_client", 7_000_215),
        (&[("redirect_uri", "")], 400, "invalid_request", 900_144),
        (&[("redirect_uri", "http://localhost:5998/callback")], 401, "invalid_client", 500_112),
        (&[("code_verifier", "")], 400, "invalid_grant", 501_481),
        (&[("code_verifier", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")], 400, "invalid_grant", 501_481),
        (&[("scope", "User.Mail")], 400, "invalid_scope", 70011),
        (&[("client_id", &other.client_id), ("client_secret", &other.client_secret)], 400, "invalid_grant", 70000),
    ] {
        println!("{changed:?}");
        redeem(&tenant, &code, changed).await.expect_failure(status, error, code_number);
    }
    assert_eq!(redeem(&tenant, &code, &[]).await.status, 200);
    redeem(&tenant, &code, &[]).await.expect_failure(400, "invalid_grant", 54005);
}

#[tokio::test]
async fn a_verifier_without_a_challenge_is_refused() {
    let tenant = start_with_clients().await;
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    let code = code(&tenant, &tenant.web_client().client_id, "ada", &without).await;
    redeem(&tenant, &code, &[]).await.expect_failure(400, "invalid_grant", 501_481);
    assert_eq!(redeem(&tenant, &code, &[("code_verifier", "")]).await.status, 200);
}

#[tokio::test]
async fn a_refresh_token_gives_new_tokens_and_stays_valid() {
    let tenant = start_with_clients().await;
    let tokens = sign_in(&tenant, "ada", &[]).await;
    let web = tenant.web_client();
    let refresh = async |changed: &[(&str, &str)]| {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", &web.client_id),
            ("client_secret", &web.client_secret),
            ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ];
        let mut fields = fields.to_vec();
        fields.retain(|field| changed.iter().all(|change| change.0 != field.0));
        fields.extend(changed);
        post_form(&token_url(&tenant), &[], &fields).await
    };
    for _ in 0..2 {
        let renewed = refresh(&[]).await.json();
        assert_ne!(renewed["refresh_token"], tokens["refresh_token"]);
        let (_, claims) = decode(renewed["id_token"].as_str().unwrap());
        assert!(claims.get("nonce").is_none());
        assert_eq!(decode(renewed["access_token"].as_str().unwrap()).1["aud"], tenant.client_id());
    }
    let graph = refresh(&[("scope", "https://graph.microsoft.com/User.Read")]).await;
    assert_eq!(me(&tenant, &graph_token(&graph)).await.json()["displayName"], "Ada Marsh");
    refresh(&[("client_secret", "")]).await.expect_failure(401, "invalid_client", 7_000_218);
    refresh(&[("refresh_token", "1.made-up")]).await.expect_failure(400, "invalid_grant", 9_002_313);
    let challenge = tenant.second_factor_challenge().to_string();
    let refusal = refresh(&[("claims", &challenge)]).await;
    let refusal = refusal.expect_failure(400, "interaction_required", 50076);
    assert_eq!(refusal["claims"].as_str(), Some(challenge.as_str()));
}

#[tokio::test]
async fn a_sign_in_that_met_a_challenge_gives_tokens_that_show_it() {
    let tenant = start_with_clients().await;
    let tokens = sign_in(&tenant, "mona", &[]).await;
    let access_token = tokens["access_token"].as_str().unwrap();
    let refusal = exchange_with(&tenant, access_token, &[]).await;
    let refusal = refusal.expect_failure(400, "invalid_grant", 50076);

    let challenge = refusal["claims"].as_str().unwrap();
    let tokens = sign_in(&tenant, "mona", &[("claims", challenge)]).await;
    let exchange = exchange_with(&tenant, tokens["access_token"].as_str().unwrap(), &[]).await;
    assert_eq!(me(&tenant, &graph_token(&exchange)).await.json()["displayName"], "Mona Farouk");

    let web = tenant.web_client();
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", &web.client_id),
        ("client_secret", &web.client_secret),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    let renewed = post_form(&token_url(&tenant), &[], &fields).await.json();
    assert_eq!(exchange_with(&tenant, renewed["access_token"].as_str().unwrap(), &[]).await.status, 200);
}

#[tokio::test]
async fn a_single_page_application_redeems_across_origins_without_a_secret() {
    let tenant = start_with_clients().await;
    let code = code(&tenant, tenant.spa_client_id(), "ada", &[]).await;
    let redeem = async |headers: &[(&str, &str)], more: &[(&str, &str)]| {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", tenant.spa_client_id()),
            ("code", &code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        post_form(&token_url(&tenant), headers, &[&fields, more].concat()).await
    };
    redeem(&[], &[]).await.expect_failure(400, "invalid_request", 9_002_327);
    let foreign = redeem(&[("origin", "https://harm.example")], &[]).await;
    foreign.expect_failure(400, "invalid_request", 9_002_326);
    assert_eq!(foreign.header("access-control-allow-origin"), None);
    let secret = redeem(&[("origin", ORIGIN)], &[("client_secret", "x")]).await;
    secret.expect_failure(401, "invalid_client", 700_025);
    let response = redeem(&[("origin", ORIGIN)], &[]).await;
    assert_eq!(response.header("access-control-allow-origin"), Some(ORIGIN));
    assert_eq!(response.header("vary"), Some("Origin"));
    let (_, claims) = decode(response.json()["access_token"].as_str().unwrap());
    assert_eq!((&claims["azp"], &claims["azpacr"]), (&json!(tenant.spa_client_id()), &json!("0")));
}

#[tokio::test]
async fn secrets_are_not_taken_from_browsers() {
    let tenant = start_with_clients().await;
    let web = tenant.web_client();
    let fields =
        [("grant_type", "refresh_token"), ("client_id", &web.client_id), ("client_secret", &web.client_secret)];
    let response = post_form(&token_url(&tenant), &[("origin", ORIGIN)], &fields).await;
    response.expect_failure(400, "invalid_request", 9_002_326);
}

#[tokio::test]
async fn a_preflight_is_answered_for_registered_origins_alone() {
    let tenant = start_with_clients().await;
    let preflight = async |origin: &str| {
        let headers =
            [("origin", origin), ("access-control-request-method", "POST"), ("access-control-request-headers", "x-a")];
        try_send(http::Method::OPTIONS, &token_url(&tenant), &headers, "").await.unwrap()
    };
    let response = preflight(ORIGIN).await;
    assert_eq!((response.status.as_u16(), response.header("access-control-allow-origin")), (200, Some(ORIGIN)));
    assert_eq!(response.header("access-control-allow-headers"), Some("x-a"));
    assert_eq!(preflight("https://harm.example").await.header("access-control-allow-origin"), None);
}
