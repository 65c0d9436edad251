//! Secrets and certificates of applications.

use serde_json::{Value, json};

use super::{Graph, text};
use crate::client::{post_form, start, token_url};

#[tokio::test]
async fn a_secret_is_shown_once_and_accepted_until_it_is_removed() {
    let tenant = start().await;
    let graph = Graph::of_administrator(&tenant);
    let (id, client_id) = graph.application(json!({"displayName": "one"})).await;
    let request = |secret: String| {
        let client_id = client_id.clone();
        let url = token_url(&tenant);
        async move {
            let fields = [
                ("grant_type", "client_credentials"),
                ("client_id", &client_id),
                ("client_secret", &secret),
                ("scope", "https://vault.azure.net/.default"),
            ];
            post_form(&url, &[], &fields).await
        }
    };
    let added = graph
        .post(&format!("applications/{id}/addPassword"), json!({"passwordCredential": {"displayName": "first"}}))
        .await;
    assert_eq!(added.status, 200);
    let (secret, key_id) = (text(&added.json(), "secretText"), text(&added.json(), "keyId"));
    // An application needs a service principal too.
    request(secret.clone()).await.expect_failure(401, "invalid_client", 7_000_229);
    graph.post("servicePrincipals", json!({"appId": client_id})).await;
    assert_eq!(request(secret.clone()).await.status, 200);
    let shown = graph.get(&format!("applications/{id}")).await.json()["passwordCredentials"][0].clone();
    assert_eq!(
        (&shown["secretText"], &shown["displayName"], &shown["keyId"]),
        (&Value::Null, &json!("first"), &json!(key_id))
    );
    let expired =
        json!({"passwordCredential": {"startDateTime": "2020-01-01T00:00:00Z", "endDateTime": "2021-01-01T00:00:00Z"}});
    let expired = graph.post(&format!("applications/{id}/addPassword"), expired).await.json();
    request(text(&expired, "secretText")).await.expect_failure(401, "invalid_client", 7_000_222);
    assert_eq!(request(secret.clone()).await.status, 200);
    let path = format!("applications/{id}/removePassword");
    assert_eq!(graph.post(&path, json!({"keyId": key_id})).await.status, 204);
    request(secret).await.expect_failure(401, "invalid_client", 7_000_215);
    graph.post(&path, json!({"keyId": key_id})).await.expect_error(400, "Request_BadRequest");
    graph.post(&path, json!({"keyID": key_id})).await.expect_error(400, "Request_BadRequest");
}

#[tokio::test]
async fn certificates_replace_each_other_as_a_list() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let tenant = start().await;
    let graph = Graph::of_administrator(&tenant);
    let (id, _) = graph.application(json!({"displayName": "one"})).await;
    let path = format!("applications/{id}");
    let key = || {
        let pem = emulated_tenant::ClientCertificate::generate().unwrap().certificate_pem;
        let (_, der) = x509_cert::der::Document::from_pem(&pem).unwrap();
        json!({"type": "AsymmetricX509Cert", "usage": "Verify", "key": STANDARD.encode(der.as_bytes()), "displayName": "one"})
    };
    assert_eq!(graph.patch(&path, json!({"keyCredentials": [key()]})).await.status, 204);
    let first = graph.get(&path).await.json()["keyCredentials"][0].clone();
    assert_eq!((&first["key"], &first["displayName"]), (&Value::Null, &json!("one")));
    assert_eq!(first["customKeyIdentifier"].as_str().unwrap().len(), 40);
    // What is to stay is sent back as it was shown.
    assert_eq!(graph.patch(&path, json!({"keyCredentials": [first, key()]})).await.status, 204);
    let both = graph.get(&path).await.json()["keyCredentials"].clone();
    assert_eq!(both.as_array().unwrap().len(), 2);
    assert_eq!(both[0], first);
    assert_eq!(graph.patch(&path, json!({"keyCredentials": []})).await.status, 204);
    assert_eq!(graph.get(&path).await.json()["keyCredentials"], json!([]));
}
