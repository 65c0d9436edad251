use serde_json::{Value, json};

use crate::client::{get, start};

#[tokio::test]
async fn metadata_names_issuer_and_endpoints_of_its_version() {
    let tenant = start().await;
    let (host, id) = (tenant.authority_url(), tenant.tenant_id());
    let one = get(&format!("{host}/{id}/.well-known/openid-configuration"), &[]).await;
    assert_eq!(one.header("cache-control"), Some("max-age=86400, private"));
    assert_eq!(one.json()["issuer"], format!("https://sts.windows.net/{id}/"));
    assert_eq!(one.json()["jwks_uri"], format!("{host}/common/discovery/keys"));

    let two = get(&format!("{host}/{id}/v2.0/.well-known/openid-configuration"), &[]).await.json();
    assert_eq!(two["issuer"], format!("{host}/{id}/v2.0"));
    assert_eq!(two["jwks_uri"], format!("{host}/{id}/discovery/v2.0/keys"));
    assert_eq!(two["token_endpoint"], format!("{host}/{id}/oauth2/v2.0/token"));
    assert_eq!(two["authorization_endpoint"], format!("{host}/{id}/oauth2/v2.0/authorize"));
}

#[tokio::test]
async fn common_has_issuer_templates_and_a_key_for_microsoft_accounts() {
    let tenant = start().await;
    let host = tenant.authority_url();
    let metadata = get(&format!("{host}/common/v2.0/.well-known/openid-configuration"), &[]).await.json();
    assert_eq!(metadata["issuer"], format!("{host}/{{tenantid}}/v2.0"));
    assert_eq!(metadata["token_endpoint"], format!("{host}/common/oauth2/v2.0/token"));

    let issuers = issuers(&get(&format!("{host}/common/discovery/v2.0/keys"), &[]).await.json());
    let template = format!("{host}/{{tenantid}}/v2.0");
    let consumers = format!("{host}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0");
    assert_eq!(issuers, [json!(template), json!(template), json!(template), json!(consumers)]);
}

#[tokio::test]
async fn keys_look_like_those_of_entra() {
    let tenant = start().await;
    let (host, id) = (tenant.authority_url(), tenant.tenant_id());
    let keys = get(&format!("{host}/{id}/discovery/v2.0/keys"), &[]).await.json();
    assert_eq!(issuers(&keys), vec![json!(format!("{host}/{id}/v2.0")); 2]);
    for key in keys["keys"].as_array().unwrap() {
        assert_eq!(
            (key["kty"].as_str(), key["use"].as_str(), key["e"].as_str()),
            (Some("RSA"), Some("sig"), Some("AQAB"))
        );
        assert_eq!(key["kid"], key["x5t"]);
        assert!(key.get("alg").is_none());
        assert_eq!(key["n"].as_str().unwrap().len(), 342);
        assert!(key["x5c"][0].as_str().unwrap().starts_with("MII"));
    }
    let version_1 = get(&format!("{host}/common/discovery/keys"), &[]).await.json();
    assert_eq!(key_ids(&version_1), key_ids(&keys));
    assert_eq!(issuers(&version_1), [Value::Null, Value::Null]);
}

#[tokio::test]
async fn a_directory_answers_to_its_domain_and_to_any_letter_case() {
    let tenant = start().await;
    let host = tenant.authority_url();
    for name in [&tenant.tenant_id().to_uppercase(), "emulated-tenant.example"] {
        let metadata = get(&format!("{host}/{name}/v2.0/.well-known/openid-configuration"), &[]).await.json();
        assert_eq!(metadata["issuer"], format!("{host}/{}/v2.0", tenant.tenant_id()), "{name}");
    }
}

#[tokio::test]
async fn an_unknown_tenant_is_refused() {
    let tenant = start().await;
    for path in ["v2.0/.well-known/openid-configuration", ".well-known/openid-configuration", "discovery/v2.0/keys"] {
        let url = format!("{}/11111111-2222-3333-4444-555555555555/{path}", tenant.authority_url());
        get(&url, &[]).await.expect_failure(400, "invalid_tenant", 90002);
    }
}

#[tokio::test]
async fn rotation_publishes_the_new_key_beside_the_previous_one() {
    let tenant = start().await;
    let url = format!("{}/{}/discovery/v2.0/keys", tenant.authority_url(), tenant.tenant_id());
    let before = key_ids(&get(&url, &[]).await.json());
    tenant.rotate_signing_key().unwrap();
    let after = key_ids(&get(&url, &[]).await.json());
    assert_eq!(after.iter().filter(|key| before.contains(key)).count(), 1);
    tenant.replace_signing_keys().unwrap();
    let last = key_ids(&get(&url, &[]).await.json());
    assert!(last.iter().all(|key| !after.contains(key)));
}

#[tokio::test]
async fn an_instance_is_known_by_its_own_host_alone() {
    let tenant = start().await;
    let host = tenant.authority_url();
    let ask = async |endpoint: &str| {
        let query = format!("api-version=1.1&authorization_endpoint={endpoint}");
        get(&format!("{host}/common/discovery/instance?{query}"), &[]).await
    };
    let response = ask(&format!("{host}/{}/oauth2/v2.0/authorize", tenant.tenant_id())).await;
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    let response = response.json();
    let metadata = format!("{host}/{}/v2.0/.well-known/openid-configuration", tenant.tenant_id());
    assert_eq!(response["tenant_discovery_endpoint"], metadata);
    assert_eq!(response["metadata"][0]["aliases"], json!([host.split_once("://").unwrap().1, "127.0.0.1"]));
    ask("https://login.example/common/oauth2/v2.0/authorize").await.expect_failure(400, "invalid_instance", 50049);
}

#[tokio::test]
async fn the_front_page_lists_everybody() {
    let tenant = start().await;
    let page = get(&format!("{}/", tenant.authority_url()), &[]).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    for person in tenant.people() {
        assert!(page.contains(&person.name) && page.contains(&person.display_name), "{}", person.name);
    }
}

fn issuers(key_set: &Value) -> Vec<Value> {
    key_set["keys"].as_array().unwrap().iter().map(|key| key["issuer"].clone()).collect()
}

fn key_ids(key_set: &Value) -> Vec<Value> {
    key_set["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect()
}
