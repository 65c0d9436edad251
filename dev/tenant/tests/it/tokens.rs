//! The tokens that tests send to the API.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use emulated_tenant::{Signing, Tenant};
use ring::{rsa::PublicKeyComponents, signature::RSA_PKCS1_2048_8192_SHA256};
use serde_json::{Value, json};

use crate::client::{exchange_with, get, person, post_form, start, token};

/// Header and claims of a token.
pub(crate) fn decode(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let header = serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (header, serde_json::from_slice(&parts.next().unwrap()).unwrap())
}

#[tokio::test]
async fn a_version_2_token_has_the_claims_of_one() {
    let tenant = start().await;
    let ada = person(&tenant, "ada");
    let (header, claims) = decode(&token(&tenant, "ada", |_| ()));
    assert_eq!((header["typ"].as_str(), header["alg"].as_str()), (Some("JWT"), Some("RS256")));
    assert!(header.get("x5t").is_none());
    assert_eq!(claims["aud"], tenant.client_id());
    assert_eq!(claims["iss"], format!("{}/{}/v2.0", tenant.authority_url(), tenant.tenant_id()));
    assert_eq!(claims["azp"], tenant.caller_client_id());
    assert_eq!(claims["oid"], ada.object_id);
    assert_eq!((&claims["scp"], &claims["ver"]), (&json!("user_impersonation"), &json!("2.0")));
    assert!(claims["exp"].as_i64() > claims["nbf"].as_i64());
}

#[tokio::test]
async fn a_version_1_token_has_the_claims_of_one() {
    let tenant = start().await;
    let (header, claims) = decode(&token(&tenant, "ada", |plan| plan.version_1()));
    assert_eq!(header["x5t"], header["kid"]);
    assert_eq!(claims["aud"], format!("api://{}", tenant.client_id()));
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{}/", tenant.tenant_id()));
    assert_eq!((&claims["appid"], &claims["ver"]), (&json!(tenant.caller_client_id()), &json!("1.0")));
    assert_eq!(claims["upn"], "ada@emulated-tenant.example");
    assert!(claims.get("azp").is_none());
}

#[tokio::test]
async fn what_is_signed_can_be_chosen_to_the_byte() {
    let tenant = start().await;
    let text = r#"{"tid":"a","TID":"b"}"#;
    let token = token(&tenant, "ada", |plan| plan.claims_text = Some(text.into()));
    let claims = token.split('.').nth(1).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(claims).unwrap(), text.as_bytes());
}

#[tokio::test]
async fn signings_name_their_algorithm_and_key() {
    let tenant = start().await;
    let (right, _) = decode(&token(&tenant, "ada", |_| ()));
    for (signing, algorithm, same_key, signature_length) in [
        (Signing::MicrosoftAccountKey, "RS256", false, 256),
        (Signing::OtherCloudKey, "RS256", false, 256),
        (Signing::UnknownKey, "RS256", false, 256),
        (Signing::ForgedKey, "RS256", true, 256),
        (Signing::Tampered, "RS256", true, 256),
        (Signing::Missing, "RS256", true, 0),
        (Signing::Ps256, "PS256", true, 256),
        (Signing::Hs256WithPublicKey, "HS256", true, 32),
        (Signing::NoneAlgorithm, "none", true, 0),
    ] {
        let token = token(&tenant, "ada", |plan| plan.signing = signing);
        let (header, _) = decode(&token);
        let signature = URL_SAFE_NO_PAD.decode(token.rsplit('.').next().unwrap()).unwrap();
        assert_eq!(header["alg"], algorithm, "{signing:?}");
        assert_eq!(header["kid"] == right["kid"], same_key, "{signing:?}");
        assert_eq!(signature.len(), signature_length, "{signing:?}");
    }
}

#[tokio::test]
async fn a_microsoft_account_token_carries_a_key_that_common_publishes() {
    let tenant = start().await;
    let (header, _) = decode(&token(&tenant, "ada", |plan| plan.signing = Signing::MicrosoftAccountKey));
    let keys = get(&format!("{}/common/discovery/v2.0/keys", tenant.authority_url()), &[]).await.json();
    assert_eq!(keys["keys"][3]["kid"], header["kid"]);
}

#[tokio::test]
async fn common_publishes_a_key_of_another_cloud_under_this_clouds_issuer() {
    let tenant = start().await;
    let (header, _) = decode(&token(&tenant, "ada", |plan| plan.signing = Signing::OtherCloudKey));
    let keys = |directory: &str| format!("{}/{directory}/discovery/v2.0/keys", tenant.authority_url());
    let common = get(&keys("common"), &[]).await.json();
    let key = common["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    assert_eq!(key["cloud_instance_name"], "microsoftonline.us");
    assert_eq!(key["issuer"], format!("{}/{{tenantid}}/v2.0", tenant.authority_url()));
    let own = get(&keys(tenant.tenant_id()), &[]).await.json();
    assert!(own["keys"].as_array().unwrap().iter().all(|key| key["kid"] != header["kid"]));
}

#[tokio::test]
async fn a_minted_token_is_accepted_like_any_other() {
    let tenant = start().await;
    let challenge = tenant.second_factor_challenge().to_string();
    let token = mint(&tenant, &[("person", "mona"), ("claims", &challenge), ("version", "1.0")]).await;
    let token = token["access_token"].as_str().unwrap();
    assert_eq!(decode(token).1["amr"], json!(["pwd", "mfa"]));
    assert_eq!(exchange_with(&tenant, token, &[]).await.status, 200);
}

#[tokio::test]
async fn a_minted_token_can_have_expired() {
    let tenant = start().await;
    let token = mint(&tenant, &[("person", "ada"), ("expires_in", "-1")]).await;
    let token = token["access_token"].as_str().unwrap();
    exchange_with(&tenant, token, &[]).await.expect_failure(400, "invalid_grant", 500_133);
}

#[tokio::test]
async fn minting_says_what_is_wrong() {
    let tenant = start().await;
    for fields in [
        &[("person", "nobody")][..],
        &[],
        &[("person", "ada"), ("version", "3")],
        &[("person", "ada"), ("claims", "?")],
        &[("person", "ada"), ("expires_in", "soon")],
        &[("person", "ada"), ("resource", "api://nothing")],
        &[("person", "ada"), ("resource", tenant.client_id()), ("client_id", "nobody")],
        &[("person", "ada"), ("resource", tenant.client_id()), ("version", "1.0")],
    ] {
        let response = mint(&tenant, fields).await;
        assert!(response["error"].is_string(), "{fields:?}: {response}");
    }
}

pub(crate) async fn mint(tenant: &Tenant, fields: &[(&str, &str)]) -> Value {
    post_form(&format!("{}/emulator/token", tenant.authority_url()), &[], fields).await.json()
}

#[tokio::test]
async fn an_unknown_name_is_answered_with_the_names_there_are() {
    let tenant = start().await;
    let error = tenant.person("nobody").unwrap_err().to_string();
    assert!(error.contains("ada") && error.contains("mona"), "{error}");
}

#[tokio::test]
async fn the_published_key_verifies_a_token_but_not_one_for_graph() {
    let tenant = start().await;
    let url = format!("{}/{}/discovery/v2.0/keys", tenant.authority_url(), tenant.tenant_id());
    let keys = get(&url, &[]).await.json();
    assert!(verifies(&keys, &token(&tenant, "ada", |_| ())));
    assert!(!verifies(&keys, &token(&tenant, "ada", |plan| plan.signing = Signing::ForgedKey)));
    // Its signature is over another header: only Graph can verify it.
    assert!(!verifies(&keys, &tenant.graph_token(person(&tenant, "ada"))));
    tenant.rotate_signing_key().unwrap();
    let keys = get(&url, &[]).await.json();
    assert!(verifies(&keys, &token(&tenant, "ada", |_| ())));
}

/// Verifies as any resource does: by the `n` and `e` of the published key that the token names.
fn verifies(key_set: &Value, token: &str) -> bool {
    let (header, _) = decode(token);
    let key = key_set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let key = PublicKeyComponents { n: number("n"), e: number("e") };
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    key.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature).is_ok()
}
