use emulated_tenant::{CertificateFormat, Endpoint, Service, Tenant};
use http::Method;
use serde_json::json;

use crate::client::{Response, get, get_with_token, post_form, start, token_url, try_send};

#[tokio::test]
async fn the_reader_gets_the_client_secret() {
    let tenant = start().await;
    let token = reader_token(&tenant, "https://vault.azure.net/.default").await;
    for path in ["secrets/clientsecret", "secrets/clientsecret/", "secrets/CLIENTSECRET"] {
        let body = get_with_token(&format!("{}/{path}?api-version=7.0", tenant.vault_url()), &token).await.json();
        assert_eq!(body["value"], tenant.client_secret());
        let id = body["id"].as_str().unwrap();
        assert!(id.starts_with(&format!("{}/secrets/clientsecret/", tenant.vault_url())), "{id}");
        assert_eq!(body["attributes"]["enabled"], true);
    }
    let requests = tenant.requests();
    assert_eq!(requests[0].endpoint, Endpoint::ClientCredentials);
    assert!(requests[1..].iter().all(|request| request.endpoint == Endpoint::VaultSecret));
    assert!(requests[1..].iter().all(|request| request.service == Service::KeyVault));
}

#[tokio::test]
async fn the_scope_of_the_azure_sdk_for_rust_is_understood() {
    let tenant = start().await;
    let token = reader_token(&tenant, "http://0.0.1/.default").await;
    assert_eq!(read(&tenant, "clientsecret", &token).await.status, 200);
}

#[tokio::test]
async fn a_request_without_a_good_token_is_challenged() {
    let tenant = start().await;
    let url = format!("{}/secrets/clientsecret?api-version=7.0", tenant.vault_url());
    let ada = tenant.access_token(tenant.person("ada").unwrap(), |_| ());
    for response in [get(&url, &[]).await, get_with_token(&url, "x").await, get_with_token(&url, &ada).await] {
        response.expect_error(401, "Unauthorized");
        let expected = format!(
            "Bearer authorization=\"https://login.windows.net/{}\", resource=\"https://vault.azure.net\"",
            tenant.tenant_id()
        );
        assert_eq!(response.header("www-authenticate"), Some(expected.as_str()));
    }
}

#[tokio::test]
async fn another_identity_is_forbidden() {
    let tenant = start().await;
    let secret = tenant.client_secret();
    let token = token_for(&tenant, tenant.client_id(), &secret, "https://vault.azure.net/.default").await;
    let token = token.json()["access_token"].as_str().unwrap().to_owned();
    let body = read(&tenant, "clientsecret", &token).await.expect_error(403, "Forbidden");
    assert_eq!(body["error"]["innererror"]["code"], "ForbiddenByRbac");
}

#[tokio::test]
async fn a_disabled_secret_is_forbidden() {
    let tenant = start().await;
    let token = reader_token(&tenant, "https://vault.azure.net/.default").await;
    tenant.disable_vault_secret("clientsecret");
    let body = read(&tenant, "clientsecret", &token).await.expect_error(403, "Forbidden");
    assert_eq!(body["error"]["innererror"]["code"], "SecretDisabled");
    tenant.set_vault_secret("clientsecret", "newer");
    assert_eq!(read(&tenant, "clientsecret", &token).await.json()["value"], "newer");
}

#[tokio::test]
async fn a_certificate_is_read_as_a_secret_of_its_content_type() {
    let tenant = start().await;
    let token = reader_token(&tenant, "https://vault.azure.net/.default").await;
    for (format, content_type) in
        [(CertificateFormat::Pkcs12, "application/x-pkcs12"), (CertificateFormat::Pem, "application/x-pem-file")]
    {
        tenant.set_vault_certificate("certificate", "key and certificate", format);
        let body = read(&tenant, "certificate", &token).await.json();
        assert_eq!((body["value"].as_str(), body["managed"].as_bool()), (Some("key and certificate"), Some(true)));
        assert_eq!(body["contentType"], content_type);
        assert!(body["kid"].as_str().unwrap().contains("/keys/certificate/"));
        assert!(body["attributes"]["exp"].as_i64() > body["attributes"]["nbf"].as_i64());
    }
}

#[tokio::test]
async fn names_and_parameters_are_checked() {
    let tenant = start().await;
    let token = reader_token(&tenant, "https://vault.azure.net/.default").await;
    read(&tenant, "absent", &token).await.expect_error(404, "SecretNotFound");
    read(&tenant, "clientsecret/0123", &token).await.expect_error(404, "SecretNotFound");
    read(&tenant, "client_secret", &token).await.expect_error(400, "BadParameter");
    read(&tenant, &"a".repeat(128), &token).await.expect_error(400, "BadParameter");
    let url = format!("{}/secrets/clientsecret", tenant.vault_url());
    get_with_token(&url, &token).await.expect_error(400, "BadParameter");
}

#[tokio::test]
async fn the_vault_and_entra_can_disagree() {
    let tenant = start().await;
    let token = reader_token(&tenant, "https://vault.azure.net/.default").await;
    let accepted = tenant.client_secret();
    tenant.set_vault_secret("clientsecret", "newer");
    assert_eq!(read(&tenant, "clientsecret", &token).await.json()["value"], "newer");
    assert_eq!(tenant.client_secret(), accepted);
    tenant.set_accepted_client_secret("newer");
    assert_eq!(tenant.client_secret(), "newer");
    tenant.remove_vault_secret("clientsecret");
    read(&tenant, "clientsecret", &token).await.expect_error(404, "SecretNotFound");
}

#[tokio::test]
async fn wrong_client_credentials_are_refused() {
    let tenant = start().await;
    let reader = tenant.vault_identity();
    let scope = "https://vault.azure.net/.default";
    let response = token_for(&tenant, &reader.client_id, "wrong", scope).await;
    response.expect_failure(401, "invalid_client", 7_000_215);
    for (scope, error, code) in [
        ("https://vault.azure.net", "invalid_scope", 1_002_012),
        ("https://unknown.example/.default", "invalid_resource", 500_011),
    ] {
        let response = token_for(&tenant, &reader.client_id, &reader.client_secret, scope).await;
        response.expect_failure(400, error, code);
    }
}

async fn reader_token(tenant: &Tenant, scope: &str) -> String {
    let reader = tenant.vault_identity();
    let response = token_for(tenant, &reader.client_id, &reader.client_secret, scope).await;
    response.json()["access_token"].as_str().unwrap().to_owned()
}

async fn token_for(tenant: &Tenant, client_id: &str, secret: &str, scope: &str) -> Response {
    let fields =
        [("grant_type", "client_credentials"), ("client_id", client_id), ("client_secret", secret), ("scope", scope)];
    post_form(&token_url(tenant), &[], &fields).await
}

async fn read(tenant: &Tenant, name: &str, token: &str) -> Response {
    get_with_token(&format!("{}/secrets/{name}?api-version=7.0", tenant.vault_url()), token).await
}

#[tokio::test]
async fn an_administrator_writes_secrets_that_the_reader_reads() {
    let tenant = start().await;
    let officer = tenant.azure_cli_vault_token(tenant.administrator());
    let reader = reader_token(&tenant, "https://vault.azure.net/.default").await;
    let url = format!("{}/secrets/new-one?api-version=7.4", tenant.vault_url());
    let send = |method: Method, url: String, token: &str, body: &'static str| {
        let authorization = format!("Bearer {token}");
        async move {
            let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
            try_send(method, &url, &headers, body).await.unwrap()
        }
    };
    let body = r#"{"value": "first", "contentType": "text/plain", "tags": {"made-by": "a test"}}"#;
    send(Method::PUT, url.clone(), &reader, body).await.expect_error(403, "Forbidden");
    let ada = tenant.azure_cli_vault_token(tenant.person("ada").unwrap());
    send(Method::PUT, url.clone(), &ada, body).await.expect_error(403, "Forbidden");
    read(&tenant, "new-one", &reader).await.expect_error(404, "SecretNotFound");
    let created = send(Method::PUT, url.clone(), &officer, body).await;
    assert_eq!((created.status.as_u16(), &created.json()["contentType"]), (200, &json!("text/plain")));
    let secret = read(&tenant, "new-one", &reader).await.json();
    assert_eq!((&secret["value"], &secret["tags"]["made-by"]), (&json!("first"), &json!("a test")));
    for body in ["", "{", "{}", r#"{"value": 1}"#, r#"{"value": "x", "name": "y"}"#] {
        send(Method::PUT, url.clone(), &officer, body).await.expect_error(400, "BadParameter");
    }
    let list = send(Method::GET, format!("{}/secrets?api-version=7.4", tenant.vault_url()), &reader, "").await.json();
    let list = list["value"].as_array().unwrap().clone();
    assert!(list.iter().any(|item| item["id"].as_str().unwrap().ends_with("/secrets/new-one")), "{list:?}");
    assert!(list.iter().all(|item| item.get("value").is_none()), "{list:?}");

    // A deleted secret blocks its name.
    let deleted = send(Method::DELETE, url.clone(), &officer, "").await.json();
    assert!(deleted["recoveryId"].as_str().unwrap().ends_with("/deletedsecrets/new-one"), "{deleted}");
    read(&tenant, "new-one", &reader).await.expect_error(404, "SecretNotFound");
    let conflict = send(Method::PUT, url.clone(), &officer, body).await.expect_error(409, "Conflict");
    assert_eq!(conflict["error"]["innererror"]["code"], "ObjectIsDeletedButRecoverable");
    let deleted_url = format!("{}/deletedsecrets/new-one", tenant.vault_url());
    let recover = format!("{deleted_url}/recover?api-version=7.4");
    assert_eq!(send(Method::POST, recover, &officer, "").await.status, 200);
    assert_eq!(read(&tenant, "new-one", &reader).await.json()["value"], "first");
    send(Method::DELETE, url.clone(), &officer, "").await;
    assert_eq!(send(Method::DELETE, format!("{deleted_url}?api-version=7.4"), &officer, "").await.status, 204);
    assert_eq!(send(Method::PUT, url, &officer, body).await.status, 200);
}
