//! Tenants that a configuration file set up.

use emulated_tenant::{Setup, Tenant, TenantOptions};
use http::StatusCode;
use serde_json::json;

use crate::{
    client::{JWT_BEARER, Response, graph_token, me, post_form, token_url},
    tokens::{decode, mint},
};

const API: &str = "1d4c9c5e-0b5e-4b7f-9a0a-5f2d7c1e8b03";
const WEB_APPLICATION: &str = "2e5d0d6f-1c6f-4c80-8b1b-6a3e8d2f9c04";

async fn start_with(text: &str) -> Tenant {
    Tenant::start_with(TenantOptions::default(), Setup::from_toml(text).unwrap()).await.unwrap()
}

/// A tenant with the example's people and applications.
async fn example() -> Tenant {
    start_with(include_str!("../../example.toml")).await
}

/// The exchange of a token for the Orders API, authenticated by `credential`.
async fn exchange(tenant: &Tenant, person: &str, credential: &[(&str, &str)]) -> Response {
    let minted = mint(tenant, &[("person", person), ("resource", "api://orders")]).await;
    let mut fields = vec![
        ("grant_type", JWT_BEARER),
        ("requested_token_use", "on_behalf_of"),
        ("client_id", API),
        ("assertion", minted["access_token"].as_str().unwrap()),
        ("scope", "https://graph.microsoft.com/User.Read"),
    ];
    fields.extend(credential);
    post_form(&token_url(tenant), &[], &fields).await
}

#[tokio::test]
async fn its_ids_are_those_of_the_file() {
    let tenant = example().await;
    assert_eq!(tenant.tenant_id(), "6f0c3f3e-53a1-4a5f-8a0d-0f5c3e0c9a01");
    let erin = tenant.person("erin").unwrap();
    assert_eq!(
        (erin.object_id.as_str(), erin.user_principal_name.as_str()),
        ("7b1f5a0e-7d0c-4f8b-9a54-6d1b2f0f4e02", "erin@contoso.example")
    );
    assert_eq!(tenant.person("ada").unwrap().user_principal_name, "ada@contoso.example");
}

#[tokio::test]
async fn an_api_of_the_file_exchanges_tokens_for_its_people() {
    let tenant = example().await;
    let response = exchange(&tenant, "erin", &[("client_secret", "an-invented-secret")]).await;
    let profile = me(&tenant, &graph_token(&response)).await.json();
    assert_eq!((&profile["jobTitle"], &profile["displayName"]), (&json!("Accountant"), &json!("Erin Blum")));
    assert_eq!(profile["mobilePhone"], json!(null));
    exchange(&tenant, "oskar", &[("client_secret", "an-invented-secret")]).await.expect_failure(
        400,
        "invalid_grant",
        50076,
    );
    exchange(&tenant, "erin", &[("client_secret", "another")]).await.expect_failure(401, "invalid_client", 7_000_215);
}

#[tokio::test]
async fn a_trusted_service_account_authenticates_the_api() {
    let tenant = example().await;
    let exchange = async |name: &str| {
        let assertion = tenant.service_account_token("shop", name, |_| ());
        let credential = [
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
        ];
        exchange(&tenant, "erin", &credential).await
    };
    assert_eq!(exchange("orders").await.status, StatusCode::OK);
    exchange("invoices").await.expect_failure(401, "invalid_client", 700_213);
}

#[tokio::test]
async fn a_minted_token_is_for_the_api_and_the_client() {
    let tenant = example().await;
    let fields = [("person", "erin"), ("resource", "api://orders"), ("client_id", WEB_APPLICATION)];
    let minted = mint(&tenant, &fields).await;
    let (_, claims) = decode(minted["access_token"].as_str().unwrap());
    assert_eq!(
        [&claims["aud"], &claims["azp"], &claims["scp"], &claims["ver"]],
        [&json!(API), &json!(WEB_APPLICATION), &json!("Orders.Read Orders.Write"), &json!("2.0")]
    );
}

#[tokio::test]
async fn permissions_without_consent_are_refused() {
    let text = include_str!("../../example.toml").replace("admin_consent = true", "");
    let tenant = start_with(&text).await;
    let response = exchange(&tenant, "erin", &[("client_secret", "an-invented-secret")]).await;
    response.expect_failure(400, "invalid_grant", 65001);
}

#[tokio::test]
async fn the_built_in_people_can_be_left_out() {
    let tenant =
        start_with("built_in_people = false\n[[person]]\nname = \"ada\"\ngiven_name = \"A\"\nsurname = \"B\"").await;
    assert_eq!(tenant.people().iter().map(|person| person.display_name.as_str()).collect::<Vec<_>>(), ["A B"]);
    assert_eq!(tenant.administrator().name, "greta");
}
