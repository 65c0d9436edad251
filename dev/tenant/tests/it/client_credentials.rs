//! The client credentials grant: tokens of an application itself.

use emulated_tenant::{Setup, Tenant, TenantOptions};
use http::StatusCode;
use serde_json::json;

use crate::{
    client::{Response, get_with_token, me, post_form, start, token_url},
    tokens::decode,
};

const GRAPH: &str = "https://graph.microsoft.com";
const ORDERS: &str = "1d4c9c5e-0b5e-4b7f-9a0a-5f2d7c1e8b03";

/// The fields of a right request of the API, with `changed` in place of those it names; an empty value leaves a field out.
async fn request(tenant: &Tenant, changed: &[(&str, &str)]) -> Response {
    let secret = tenant.client_secret();
    let mut fields = vec![
        ("grant_type", "client_credentials"),
        ("client_id", tenant.client_id()),
        ("client_secret", &secret),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    fields.retain(|field| changed.iter().all(|change| change.0 != field.0));
    fields.extend(changed.iter().filter(|change| !change.1.is_empty()));
    post_form(&token_url(tenant), &[], &fields).await
}

#[track_caller]
fn access_token(response: &Response) -> String {
    assert_eq!(response.status, StatusCode::OK, "{}", String::from_utf8_lossy(&response.body));
    response.json()["access_token"].as_str().unwrap().to_owned()
}

async fn user(tenant: &Tenant, id: &str, token: &str) -> Response {
    get_with_token(&format!("{}/v1.0/users/{id}", tenant.graph_url()), token).await
}

#[tokio::test]
async fn wrong_requests_are_refused() {
    let tenant = start().await;
    for (field, value, status, error, code) in [
        ("client_id", "", 400, "invalid_request", 900_144),
        ("client_id", "11111111-2222-3333-4444-555555555555", 400, "unauthorized_client", 700_016),
        ("client_secret", "", 401, "invalid_client", 7_000_218),
        ("client_secret", "wrong", 401, "invalid_client", 7_000_215),
        ("scope", "", 400, "invalid_request", 900_144),
        ("scope", "https://graph.microsoft.com/User.Read", 400, "invalid_scope", 1_002_012),
        ("scope", "https://graph.microsoft.com/.default openid", 400, "invalid_scope", 1_002_012),
        ("scope", "https://graph.microsoft.com", 400, "invalid_scope", 1_002_012),
        ("scope", ".default", 400, "invalid_scope", 1_002_012),
        ("scope", "https://unknown.example/.default", 400, "invalid_resource", 500_011),
        ("claims", "{", 400, "invalid_request", 90023),
    ] {
        println!("{field}={value}");
        request(&tenant, &[(field, value)]).await.expect_failure(status, error, code);
    }
    for at in ["common", "organizations"] {
        let url = format!("{}/{at}/oauth2/v2.0/token", tenant.authority_url());
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", tenant.client_id()),
            ("client_secret", &tenant.client_secret()),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        post_form(&url, &[], &fields).await.expect_failure(400, "invalid_request", 50059);
    }
    tenant.expire_client_secret();
    request(&tenant, &[]).await.expect_failure(401, "invalid_client", 7_000_222);
}

#[tokio::test]
async fn a_token_has_the_roles_that_were_assigned_and_no_person() {
    let tenant = start().await;
    let ada = &tenant.person("ada").unwrap().object_id;
    // Without a role, the token is issued, and Graph allows nothing.
    let without = access_token(&request(&tenant, &[]).await);
    let (_, claims) = decode(&without);
    assert_eq!((claims.get("roles"), claims.get("scp"), claims.get("upn")), (None, None, None));
    assert_eq!((&claims["idtyp"], &claims["appid"]), (&json!("app"), &json!(tenant.client_id())));
    assert_eq!(claims["sub"], claims["oid"]);
    user(&tenant, ada, &without).await.expect_error(403, "Authorization_RequestDenied");

    tenant.assign_app_role(tenant.client_id(), GRAPH, "User.Read.All").unwrap();
    let token = access_token(&request(&tenant, &[]).await);
    assert_eq!(decode(&token).1["roles"], json!(["User.Read.All"]));
    assert_eq!(user(&tenant, ada, &token).await.json()["displayName"], "Ada Marsh");
    let otto = &tenant.person("otto").unwrap().object_id;
    user(&tenant, otto, &token).await.expect_error(404, "Request_ResourceNotFound");
    me(&tenant, &token).await.expect_error(400, "BadRequest");
    // The old one is as it was issued.
    user(&tenant, ada, &without).await.expect_error(403, "Authorization_RequestDenied");

    for (resource, role) in [(GRAPH, "Mail.Send"), ("api://unknown", "User.Read.All")] {
        assert!(tenant.assign_app_role(tenant.client_id(), resource, role).is_err());
    }
}

#[tokio::test]
async fn clients_that_can_handle_challenges_get_long_lived_tokens_for_graph() {
    let tenant = start().await;
    let claims = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;
    let response = request(&tenant, &[("claims", claims)]).await;
    assert_eq!(response.json()["expires_in"], 86_399);
    assert_eq!(decode(&access_token(&response)).1["xms_cc"], json!(["cp1"]));
    assert_eq!(request(&tenant, &[]).await.json()["expires_in"], 3599);
}

#[tokio::test]
async fn an_api_of_the_file_offers_roles_and_has_some() {
    let setup = Setup::from_toml(&format!(
        "{}\n[[application]]\nname = \"Worker\"\nclient_id = \"3f6e1e70-2d70-4d91-9c2c-7b4f9e30a005\"\n\
         client_secret = \"another-invented-secret\"\napplication_permissions = {{ \"Orders API\" = [\"Orders.Process\"] }}\n",
        include_str!("../../example.toml")
    ));
    let tenant = Tenant::start_with(TenantOptions::default(), setup.unwrap()).await.unwrap();
    let own = |client_id, secret, scope| [("client_id", client_id), ("client_secret", secret), ("scope", scope)];
    let worker = own("3f6e1e70-2d70-4d91-9c2c-7b4f9e30a005", "another-invented-secret", "api://orders/.default");
    let (_, claims) = decode(&access_token(&request(&tenant, &worker).await));
    assert_eq!((&claims["aud"], &claims["roles"]), (&json!(ORDERS), &json!(["Orders.Process"])));
    assert_eq!((&claims["azp"], claims.get("scp")), (&json!("3f6e1e70-2d70-4d91-9c2c-7b4f9e30a005"), None));
    let orders = own(ORDERS, "an-invented-secret", "https://graph.microsoft.com/.default");
    assert_eq!(decode(&access_token(&request(&tenant, &orders).await)).1["roles"], json!(["User.Read.All"]));
}
