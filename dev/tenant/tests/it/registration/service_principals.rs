//! Service principals, consents, and what Entra makes of both.

use serde_json::json;

use super::{GRAPH_ID, Graph, SCOPE_ID, USER_READ, required, scope, text};
use crate::{
    browser::{Browser, REDIRECT_URI, VERIFIER},
    client::{JWT_BEARER, graph_token, me, post_form, start, token_url},
    tokens::decode,
};

#[tokio::test]
async fn service_principals_and_consents_exist_once() {
    let tenant = start().await;
    let graph = Graph::of_administrator(&tenant);
    let (_, client_id) = graph.application(json!({"displayName": "one"})).await;
    let unknown =
        graph.post("servicePrincipals", json!({"appId": SCOPE_ID})).await.expect_error(400, "Request_BadRequest");
    assert_eq!(unknown["error"]["details"][0]["code"], "NoBackingApplicationObject");
    let path = format!("servicePrincipals(appId='{client_id}')");
    graph.get(&path).await.expect_error(404, "Request_ResourceNotFound");
    let created = graph.upsert(&path, json!({})).await;
    assert_eq!(created.status, 201);
    assert_eq!(graph.upsert(&path, json!({})).await.status, 204);
    graph
        .post("servicePrincipals", json!({"appId": client_id}))
        .await
        .expect_error(409, "Request_MultipleObjectsWithSameKeyValue");
    let client = text(&created.json(), "id");
    let resource = text(&graph.get(&format!("servicePrincipals(appId='{GRAPH_ID}')")).await.json(), "id");
    let grant =
        json!({"clientId": client, "consentType": "AllPrincipals", "resourceId": resource, "scope": "User.Read"});
    let response = graph.post("oauth2PermissionGrants", grant.clone()).await;
    assert_eq!(response.status, 201);
    let id = text(&response.json(), "id");
    graph
        .post("oauth2PermissionGrants", grant.clone())
        .await
        .expect_error(409, "Request_MultipleObjectsWithSameKeyValue");
    let filter =
        format!("oauth2PermissionGrants?$filter=clientId%20eq%20'{client}'%20and%20consentType%20eq%20'AllPrincipals'");
    assert_eq!(graph.get(&filter).await.json()["value"][0]["id"], id.as_str());
    assert_eq!(
        graph.patch(&format!("oauth2PermissionGrants/{id}"), json!({"scope": "User.Read Mail.Read"})).await.status,
        204
    );
    assert_eq!(graph.get(&format!("oauth2PermissionGrants/{id}")).await.json()["scope"], "User.Read Mail.Read");
    for (member, value) in
        [("consentType", json!("Everybody")), ("principalId", json!(SCOPE_ID)), ("expiryTime", json!("x"))]
    {
        let mut wrong = grant.clone();
        wrong[member] = value;
        graph.post("oauth2PermissionGrants", wrong).await.expect_error(400, "Request_BadRequest");
    }
    assert_eq!(graph.delete(&format!("oauth2PermissionGrants/{id}")).await.status, 204);
    graph.get(&format!("oauth2PermissionGrants/{id}")).await.expect_error(404, "Request_ResourceNotFound");
}

/// From nothing to a profile, by nothing but what clients can do.
#[tokio::test]
async fn a_registered_api_exchanges_tokens_of_a_registered_client() {
    let tenant = start().await;
    let graph = Graph::of_administrator(&tenant);
    let api = json!({
        "displayName": "My API",
        "api": {"requestedAccessTokenVersion": 2, "oauth2PermissionScopes": [scope()]},
        "optionalClaims": {"accessToken": [{"name": "xms_cc"}, {"name": "idtyp"}]},
        "requiredResourceAccess": required(GRAPH_ID, USER_READ),
    });
    let (api_id, api_client_id) = graph.application(api).await;
    let client = json!({
        "displayName": "My app",
        "web": {"redirectUris": [REDIRECT_URI]},
        "requiredResourceAccess": required(&api_client_id, SCOPE_ID),
    });
    let (client_object_id, client_id) = graph.application(client).await;
    let path = format!("applications/{api_id}");
    let update =
        json!({"identifierUris": [format!("api://{api_client_id}")], "api": {"knownClientApplications": [client_id]}});
    assert_eq!(graph.patch(&path, update).await.status, 204);
    for app_id in [&api_client_id, &client_id] {
        assert_eq!(graph.upsert(&format!("servicePrincipals(appId='{app_id}')"), json!({})).await.status, 201);
    }
    let api_secret = text(&graph.post(&format!("{path}/addPassword"), json!({})).await.json(), "secretText");
    let client_secret = text(
        &graph.post(&format!("applications/{client_object_id}/addPassword"), json!({})).await.json(),
        "secretText",
    );

    // Ada signs in and consents to the client and, through it, to the API.
    let mut browser = Browser::new(&tenant);
    let page = browser
        .open(&crate::browser::authorize(&tenant, &client_id, &[("scope", &format!("api://{api_client_id}/.default"))]))
        .await;
    let page = browser.press(&page, "person", "ada").await;
    page.expect_heading("Permissions requested");
    for words in ["Use it as you", "Through that API: Read your profile"] {
        assert!(page.text().contains(words), "{}", page.text());
    }
    let code = browser.press(&page, "consent", "accepted").await.redirect().1.get("code").unwrap().to_owned();
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", client_id.as_str()),
        ("client_secret", &client_secret),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let tokens = post_form(&token_url(&tenant), &[], &fields).await.json();
    let access_token = text(&tokens, "access_token");
    let (_, claims) = decode(&access_token);
    assert_eq!(
        (&claims["aud"], &claims["azp"], &claims["ver"]),
        (&json!(api_client_id), &json!(client_id), &json!("2.0"))
    );
    assert_eq!((&claims["scp"], &claims["idtyp"]), (&json!("user_impersonation"), &json!("user")));

    let exchange = |assertion: String| {
        let (url, client_id, secret) = (token_url(&tenant), api_client_id.clone(), api_secret.clone());
        async move {
            let fields = [
                ("grant_type", JWT_BEARER),
                ("requested_token_use", "on_behalf_of"),
                ("client_id", &client_id),
                ("client_secret", &secret),
                ("assertion", &assertion),
                ("scope", "https://graph.microsoft.com/User.Read"),
            ];
            post_form(&url, &[], &fields).await
        }
    };
    let profile = me(&tenant, &graph_token(&exchange(access_token).await)).await.json();
    assert_eq!(profile["displayName"], "Ada Marsh");
    // The built-in API's tokens are not for this one.
    let other = tenant.access_token(tenant.person("ada").unwrap(), |_| ());
    exchange(other).await.expect_failure(400, "invalid_grant", 500_131);

    // Version 1 is what an API gets that does not ask for version 2.
    assert_eq!(graph.patch(&path, json!({"api": {"requestedAccessTokenVersion": null}})).await.status, 204);
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", client_id.as_str()),
        ("client_secret", &client_secret),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap_or_default()),
        ("scope", &format!("api://{api_client_id}/user_impersonation")),
    ];
    let response = post_form(&token_url(&tenant), &[], &fields).await;
    // `.default` alone gives no refresh token: sign in again.
    assert_eq!(response.json()["error"], "invalid_request");
}

#[tokio::test]
async fn without_consent_a_registered_api_gets_nothing() {
    let tenant = start().await;
    let graph = Graph::of_administrator(&tenant);
    let (api_id, api_client_id) = graph.application(json!({"displayName": "My API", "api": {"requestedAccessTokenVersion": 2, "oauth2PermissionScopes": [scope()]}})).await;
    let path = format!("applications/{api_id}");
    graph.patch(&path, json!({"identifierUris": [format!("api://{api_client_id}")]})).await;
    let principal = text(&graph.post("servicePrincipals", json!({"appId": api_client_id})).await.json(), "id");
    let secret = text(&graph.post(&format!("{path}/addPassword"), json!({})).await.json(), "secretText");
    let token = tenant.access_token(tenant.person("ada").unwrap(), |plan| plan.set("aud", api_client_id.clone()));
    let exchange = || async {
        let fields = [
            ("grant_type", JWT_BEARER),
            ("requested_token_use", "on_behalf_of"),
            ("client_id", &api_client_id),
            ("client_secret", &secret),
            ("assertion", &token),
            ("scope", "https://graph.microsoft.com/User.Read"),
        ];
        post_form(&token_url(&tenant), &[], &fields).await
    };
    exchange().await.expect_failure(400, "invalid_grant", 65001);
    let resource = text(&graph.get(&format!("servicePrincipals(appId='{GRAPH_ID}')")).await.json(), "id");
    let grant =
        json!({"clientId": principal, "consentType": "AllPrincipals", "resourceId": resource, "scope": "User.Read"});
    assert_eq!(graph.post("oauth2PermissionGrants", grant).await.status, 201);
    assert_eq!(exchange().await.status, 200);
}
