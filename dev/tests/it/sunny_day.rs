//! Successful requests.

use emulated_tenant::{ClientCertificate, Endpoint, Service};
use reqwest::Method;
use serde_json::json;

use crate::harness::Harness;

#[tokio::test(flavor = "multi_thread")]
async fn ada_gets_her_profile() {
    let harness = Harness::start().await;
    let answer = harness.get_as("ada").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let profile = answer.json();
    assert_eq!(profile["id"], harness.person("ada").object_id.as_str());
    assert_eq!(profile["displayName"], harness.person("ada").display_name.as_str());
    assert!(profile["@odata.context"].is_string());
    assert_eq!(answer.media_type(), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());

    use Endpoint::{ClientCredentials, GraphMe, KeySet, OpenIdConfiguration, Token, VaultSecret};
    assert_eq!(harness.asked(Service::Graph), [GraphMe]);
    let entra: Vec<_> =
        harness.asked(Service::Entra).into_iter().filter(|endpoint| *endpoint != ClientCredentials).collect();
    assert_eq!(entra, [OpenIdConfiguration, KeySet, Token]);
    assert!(harness.asked(Service::KeyVault).iter().all(|endpoint| *endpoint == VaultSecret));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vault_is_asked_for_the_secret_and_nothing_else() {
    let harness = Harness::start().await;
    assert_eq!(harness.get_as("ada").await.status, 200);
    let requests = harness.api.tenant.requests();
    let asked: Vec<_> = requests
        .iter()
        .filter(|request| request.service == Service::KeyVault && request.header("authorization").is_some())
        .collect();
    assert!(!asked.is_empty());
    for request in asked {
        assert!(request.path_and_query.starts_with("/secrets/clientsecret/"), "{request:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_the_request_that_should_work_works() {
    let harness = Harness::start().await;
    let client = harness.api.tenant.client_id().to_owned();
    let token = harness.token("ada");
    for path in ["/api/profile-get", "/api/profile"] {
        let answer = harness.send(harness.request(Method::GET, path).bearer_auth(&token)).await;
        assert_eq!(answer.status, 200, "{path}");
    }
    let answer = harness
        .send(harness.request(Method::GET, "/api/profile-get").header("authorization", format!("bEARER {token}")))
        .await;
    assert_eq!(answer.status, 200);
    for audience in [client.clone(), format!("api://{client}")] {
        for version_1 in [false, true] {
            let token = harness.token_with("ada", |plan| {
                if version_1 {
                    plan.version_1();
                }
                plan.set("aud", audience.as_str());
            });
            assert_eq!(harness.get(&token).await.status, 200, "{audience} {version_1}");
        }
    }
    let answer =
        harness.send(harness.request(Method::GET, "/api/profile-get?$select=id,mail").bearer_auth(&token)).await;
    let profile = answer.json();
    assert!(profile["id"].is_string() && profile["mail"].is_string() && profile.get("displayName").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn head_has_the_headers_of_get_and_no_body() {
    let harness = Harness::start().await;
    let token = harness.token("ada");
    let get = harness.get(&token).await;
    let head = harness.send(harness.request(Method::HEAD, "/api/profile-get").bearer_auth(&token)).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.media_type(), get.media_type());
    assert!(!head.header("content-length").is_empty());
    if !Harness::varies() {
        assert_eq!(head.header("content-length"), get.header("content-length"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_photo_streams_through() {
    let harness = Harness::start().await;
    let request = || harness.request(Method::GET, "/api/profile-get/photo");
    let answer = harness.send(request().bearer_auth(harness.token("ada"))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "image/jpeg");
    assert!(answer.body.starts_with(&[0xff, 0xd8]));
    let again = request().bearer_auth(harness.token("ada")).header("if-none-match", answer.header("etag"));
    let unchanged = harness.send(again).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{unchanged:?}");
    // Graph may call one tag weak and strong by turns.
    assert_eq!(unchanged.header("etag").trim_start_matches("W/"), answer.header("etag").trim_start_matches("W/"));
    harness.send(request().bearer_auth(harness.token("pia"))).await.is(404, "graph_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_nulls_come_as_graph_has_them() {
    let harness = Harness::start().await;
    let profile = harness.get_as("zoe").await.json();
    assert_eq!(profile["displayName"], harness.person("zoe").display_name.as_str());
    assert!(profile.as_object().unwrap().values().any(|value| *value == json!(null)));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_several_directories_get_their_own_profile() {
    let harness = Harness::for_both_directories().await;
    for name in ["ada", "otto"] {
        let answer = harness.get_as(name).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        assert_eq!(answer.json()["id"], harness.person(name).object_id.as_str());
    }
    // Each token is exchanged at its own directory, never at `common` or `organizations`.
    let requests = harness.api.tenant.requests();
    let exchanges = requests.iter().filter(|request| request.endpoint == Endpoint::Token);
    let directories: Vec<&str> = exchanges.filter_map(|request| request.path_and_query.split('/').nth(1)).collect();
    let tenant = &harness.api.tenant;
    assert_eq!(directories, [tenant.tenant_id(), tenant.other_tenant_id()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn v1_keys_sign_for_several_directories_as_the_v2_keys_say() {
    let harness = Harness::for_both_directories().await;
    for name in ["ada", "otto"] {
        let token = harness.token_with(name, |plan| plan.version_1());
        assert_eq!(harness.get(&token).await.status, 200, "{name}");
    }
    // The v1 set contains no issuers, so the v2 set was requested once, too.
    let requests = harness.api.tenant.requests();
    let key_sets = requests.iter().filter(|request| request.endpoint == Endpoint::KeySet);
    let paths: Vec<&str> = key_sets.map(|request| request.path_and_query.as_str()).collect();
    assert_eq!(paths, ["/common/discovery/keys", "/organizations/discovery/v2.0/keys"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_not_on_the_list_is_refused() {
    let harness = Harness::with_variables(&[
        ("tenant_id", "common"),
        ("allowed_tenants", "00000000-0000-0000-0000-000000000001"),
    ])
    .await;
    harness.get_as("ada").await.is(401, "invalid_token");
    assert_eq!(harness.count(Endpoint::Token), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_proves_the_api_as_well_as_a_secret() {
    let harness = Harness::start().await;
    let certificate = ClientCertificate::generate().unwrap();
    harness.api.tenant.register_certificate(&certificate.certificate_pem).unwrap();
    harness.api.tenant.set_vault_secret("clientsecret", &certificate.bundle_pem);
    assert_eq!(harness.get_as("ada").await.status, 200);
    let requests = harness.api.tenant.requests();
    let exchange = requests.iter().find(|request| request.endpoint == Endpoint::Token).unwrap();
    assert!(exchange.field("client_assertion").is_some() && exchange.field("client_secret").is_none());
}
