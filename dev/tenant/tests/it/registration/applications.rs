//! Applications: created, listed, changed, deleted.

use http::Method;
use serde_json::{Value, json};

use super::{GRAPH_ID, Graph, SCOPE_ID, USER_READ, required, scope, text};
use crate::client::{post_form, start, token_url};

#[tokio::test]
async fn an_upsert_creates_once_and_then_changes() {
    let tenant = start().await;
    let graph = Graph::of_administrator(&tenant);
    let path = "applications(uniqueName='my-api')";
    graph.patch(path, json!({"displayName": "My API"})).await.expect_error(404, "Request_ResourceNotFound");
    let response = graph.upsert(path, json!({"displayName": "My API"})).await;
    assert_eq!(response.status, 201);
    let created = response.json();
    assert_eq!((&created["uniqueName"], &created["displayName"]), (&json!("my-api"), &json!("My API")));
    assert_eq!((&created["signInAudience"], &created["passwordCredentials"]), (&json!("AzureADMyOrg"), &json!([])));
    let response = graph.upsert(path, json!({"displayName": "Other", "tags": ["one"]})).await;
    assert_eq!((response.status.as_u16(), response.body.len()), (204, 0));
    let again = graph.get(path).await.json();
    assert_eq!((&again["id"], &again["appId"]), (&created["id"], &created["appId"]));
    assert_eq!((&again["displayName"], &again["tags"]), (&json!("Other"), &json!(["one"])));
    // The same object by its other keys.
    for path in [
        format!("applications/{}", text(&created, "id")),
        format!("applications(appId='{}')", text(&created, "appId")),
        "applications(uniqueName=%27my-api%27)".to_owned(),
    ] {
        assert_eq!(graph.get(&path).await.json()["displayName"], "Other", "{path}");
    }
}

#[tokio::test]
async fn lists_are_filtered_and_properties_are_selected() {
    let tenant = start().await;
    let graph = Graph::of_administrator(&tenant);
    let (_, client_id) = graph.application(json!({"displayName": "it's one"})).await;
    let path = format!("applications?$filter=appId%20eq%20'{client_id}'&$select=id,displayName");
    let body = graph.get(&path).await.json();
    assert_eq!(body["value"].as_array().unwrap().len(), 1, "{body}");
    assert_eq!(body["value"][0]["displayName"], "it's one");
    assert_eq!(body["value"][0].as_object().unwrap().len(), 2);
    let body = graph.get("applications?$filter=displayName%20eq%20'it''s%20one'").await.json();
    assert_eq!(body["value"][0]["appId"], client_id.as_str());
    for (query, code) in [
        ("$filter=startswith(displayName,'x')", "Request_UnsupportedQuery"),
        ("$filter=nothing%20eq%20'x'", "BadRequest"),
        ("$select=nothing", "BadRequest"),
        ("$expand=owners", "BadRequest"),
    ] {
        graph.get(&format!("applications?{query}")).await.expect_error(400, code);
    }
    let body = graph.get(&format!("servicePrincipals(appId='{GRAPH_ID}')?$select=id,oauth2PermissionScopes")).await;
    let scopes = body.json()["oauth2PermissionScopes"].clone();
    let user_read = scopes.as_array().unwrap().iter().find(|scope| scope["value"] == "User.Read").unwrap();
    assert_eq!(user_read["id"], USER_READ);
}

#[tokio::test]
async fn what_graph_would_not_accept_is_refused() {
    let tenant = start().await;
    let graph = Graph::of_administrator(&tenant);
    let (id, client_id) =
        graph.application(json!({"displayName": "one", "api": {"oauth2PermissionScopes": [scope()]}})).await;
    let path = format!("applications/{id}");
    let with = |name: &str, value: Value| {
        let mut scope = scope();
        scope[name] = value;
        json!({"api": {"oauth2PermissionScopes": [scope]}})
    };
    let pre_authorized = |scope_id: &str| json!({"api": {"preAuthorizedApplications": [{"appId": GRAPH_ID, "delegatedPermissionIds": [scope_id]}]}});
    for (body, code) in [
        (json!({"oauth2PermissionScopes": []}), "Request_BadRequest"),
        (json!({"api": {"scopes": []}}), "Request_BadRequest"),
        (json!({"appId": client_id}), "Request_BadRequest"),
        (json!({"appRoles": []}), "Request_BadRequest"),
        (json!({"passwordCredentials": []}), "Request_BadRequest"),
        (json!({"displayName": ""}), "Request_BadRequest"),
        (json!({"displayName": 7}), "Request_BadRequest"),
        (json!({"signInAudience": "Everybody"}), "Request_BadRequest"),
        (json!({"identifierUris": ["api://somebody-else"]}), "HostNameNotOnVerifiedDomain"),
        (json!({"identifierUris": [format!("api://{client_id}/")]}), "HostNameNotOnVerifiedDomain"),
        (json!({"api": {"requestedAccessTokenVersion": 3}}), "InvalidValue"),
        (json!({"api": {"oauth2PermissionScopes": []}}), "CannotDeleteOrUpdateEnabledEntitlement"),
        (with("value", json!("other")), "CannotDeleteOrUpdateEnabledEntitlement"),
        (with("value", json!("with space")), "InvalidValue"),
        (with("adminConsentDescription", Value::Null), "InvalidValue"),
        (with("id", json!("1")), "Request_BadRequest"),
        (pre_authorized(USER_READ), "InvalidValue"),
        (json!({"web": {"redirectUris": ["http://app.example/"]}}), "Request_BadRequest"),
        (json!({"requiredResourceAccess": required(GRAPH_ID, "x")}), "Request_BadRequest"),
        (json!({"keyCredentials": [{"type": "AsymmetricX509Cert", "usage": "Verify", "key": "AAAA"}]}), "InvalidValue"),
    ] {
        println!("{body}");
        graph.patch(&path, body).await.expect_error(400, code);
    }
    let body = graph.patch(&path, json!({"nonsense": 1})).await.expect_error(400, "Request_BadRequest");
    assert_eq!(body["error"]["message"], "Invalid property 'nonsense'.");
    graph.send(Method::PATCH, &path, &[], "{").await.expect_error(400, "BadRequest");
    graph.post("applications", json!({})).await.expect_error(400, "Request_BadRequest");
    // What is right all the same, in the same places.
    assert_eq!(graph.patch(&path, pre_authorized(SCOPE_ID)).await.status, 204);
    assert_eq!(graph.patch(&path, json!({"identifierUris": [format!("api://{client_id}")]})).await.status, 204);
    assert_eq!(graph.patch(&path, with("isEnabled", json!(false))).await.status, 204);
    assert_eq!(graph.patch(&path, json!({"api": {"oauth2PermissionScopes": []}})).await.status, 204);
    // A scope cannot be pre-authorized by the request that creates it.
    let mut both = pre_authorized(SCOPE_ID);
    both["displayName"] = json!("two");
    both["api"]["oauth2PermissionScopes"] = json!([scope()]);
    graph.post("applications", both).await.expect_error(400, "InvalidValue");
}

#[tokio::test]
async fn values_that_must_be_unique_are() {
    let tenant = start().await;
    let graph = Graph::of_administrator(&tenant);
    let (one, _) = graph.application(json!({"displayName": "same", "uniqueName": "one"})).await;
    let (two, _) = graph.application(json!({"displayName": "same"})).await;
    let body = graph.post("applications", json!({"displayName": "same", "uniqueName": "one"})).await;
    let body = body.expect_error(400, "Request_BadRequest");
    assert_eq!(
        (&body["error"]["details"][0]["code"], &body["error"]["details"][0]["target"]),
        (&json!("ObjectConflict"), &json!("uniqueName"))
    );
    let uri = json!({"identifierUris": [format!("api://{}/same", tenant.tenant_id())]});
    assert_eq!(graph.patch(&format!("applications/{one}"), uri.clone()).await.status, 204);
    graph.patch(&format!("applications/{two}"), uri).await.expect_error(400, "Request_BadRequest");
    graph
        .patch(&format!("applications/{one}"), json!({"uniqueName": "other"}))
        .await
        .expect_error(400, "Request_BadRequest");
    assert_eq!(graph.patch(&format!("applications/{two}"), json!({"uniqueName": "two"})).await.status, 204);
}

#[tokio::test]
async fn permissions_of_tokens_and_people_are_checked() {
    let tenant = start().await;
    let administrator = Graph::of_administrator(&tenant);
    let ada = Graph::of(&tenant, "ada");
    let (of_ada, _) = ada.application(json!({"displayName": "Ada's"})).await;
    let (of_administrator, client_id) = administrator.application(json!({"displayName": "the administrator's"})).await;
    // Members may register applications, and change their own.
    assert_eq!(ada.patch(&format!("applications/{of_ada}"), json!({"tags": []})).await.status, 204);
    let path = format!("applications/{of_administrator}");
    ada.patch(&path, json!({"tags": []})).await.expect_error(403, "Authorization_RequestDenied");
    let owner = json!({"@odata.id": format!("{}/v1.0/directoryObjects/{}", tenant.graph_url(), tenant.person("ada").unwrap().object_id)});
    assert_eq!(administrator.post(&format!("{path}/owners/$ref"), owner.clone()).await.status, 204);
    administrator.post(&format!("{path}/owners/$ref"), owner).await.expect_error(400, "Request_BadRequest");
    assert_eq!(administrator.get(&format!("{path}/owners")).await.json()["value"].as_array().unwrap().len(), 2);
    assert_eq!(ada.patch(&path, json!({"tags": []})).await.status, 204);
    // Consent for everyone is the administrator's.
    assert_eq!(administrator.post("servicePrincipals", json!({"appId": client_id})).await.status, 201);
    let grant =
        |client: &str| json!({"clientId": client, "consentType": "AllPrincipals", "resourceId": client, "scope": "x"});
    ada.post("oauth2PermissionGrants", grant("x")).await.expect_error(403, "Authorization_RequestDenied");
    // A token without the permissions, which can read the profile.
    let plain = Graph { tenant: &tenant, token: tenant.graph_token(tenant.person("ada").unwrap()) };
    for path in ["applications", "servicePrincipals", "oauth2PermissionGrants"] {
        plain.get(path).await.expect_error(403, "Authorization_RequestDenied");
    }
    assert_eq!(plain.get("me").await.status, 200);
}

#[tokio::test]
async fn new_objects_are_missed_for_as_long_as_the_dial_says() {
    let tenant = start().await;
    let graph = Graph::of_administrator(&tenant);
    tenant.set_replication_lag(2);
    let (id, client_id) = graph.application(json!({"displayName": "one", "uniqueName": "one"})).await;
    for expected in [404, 404, 200] {
        assert_eq!(graph.get(&format!("applications/{id}")).await.status, expected);
    }
    // An upsert finds its object at once.
    let path = "applications(uniqueName='two')";
    assert_eq!(graph.upsert(path, json!({"displayName": "two"})).await.status, 201);
    assert_eq!(graph.upsert(path, json!({"displayName": "two"})).await.status, 204);
    let principal = || graph.post("servicePrincipals", json!({"appId": client_id}));
    assert_eq!(principal().await.status, 201);
    for expected in [404, 404, 200] {
        assert_eq!(graph.get(&format!("servicePrincipals(appId='{client_id}')")).await.status, expected);
    }
    // So do service principals and consents.
    let resource = text(&graph.get(&format!("servicePrincipals(appId='{GRAPH_ID}')")).await.json(), "id");
    let (_, other_id) = graph.application(json!({"displayName": "other"})).await;
    let mut client = String::new();
    for expected in [400, 400, 201] {
        let response = graph.post("servicePrincipals", json!({"appId": other_id})).await;
        assert_eq!(response.status, expected);
        client = response.json()["id"].as_str().unwrap_or_default().to_owned();
    }
    for expected in [404, 404, 201] {
        let grant =
            json!({"clientId": client, "consentType": "AllPrincipals", "resourceId": resource, "scope": "User.Read"});
        assert_eq!(graph.post("oauth2PermissionGrants", grant).await.status, expected);
    }
    let secret = graph.post(&format!("applications/{id}/addPassword"), json!({})).await.json();
    let secret = text(&secret, "secretText");
    for expected in [7_000_215, 7_000_215, 0] {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", &client_id),
            ("client_secret", &secret),
            ("scope", "https://vault.azure.net/.default"),
        ];
        let response = post_form(&token_url(&tenant), &[], &fields).await;
        assert_eq!(response.json()["error_codes"][0].as_u64().unwrap_or_default(), expected);
    }
}

#[tokio::test]
async fn deleted_applications_are_gone() {
    let tenant = start().await;
    let graph = Graph::of_administrator(&tenant);
    let (id, client_id) = graph.application(json!({"displayName": "one", "uniqueName": "one"})).await;
    graph.post("servicePrincipals", json!({"appId": client_id})).await;
    assert_eq!(graph.delete(&format!("applications/{id}")).await.status, 204);
    graph.delete(&format!("applications/{id}")).await.expect_error(404, "Request_ResourceNotFound");
    graph.get(&format!("servicePrincipals(appId='{client_id}')")).await.expect_error(404, "Request_ResourceNotFound");
    // They keep their unique names.
    let path = "applications(uniqueName='one')";
    let again = graph.upsert(path, json!({"displayName": "two"})).await.expect_error(400, "Request_BadRequest");
    assert_eq!(again["error"]["details"][0]["target"], "uniqueName");
    graph
        .post("applications", json!({"displayName": "two", "uniqueName": "one"}))
        .await
        .expect_error(400, "Request_BadRequest");
    let deleted = "directory/deletedItems/microsoft.graph.application?$select=id,uniqueName";
    assert_eq!(graph.get(deleted).await.json()["value"], json!([{"id": id, "uniqueName": "one"}]));
    let ada = Graph::of(&tenant, "ada");
    let restore = format!("directory/deletedItems/{id}/restore");
    ada.post(&restore, json!({})).await.expect_error(403, "Authorization_RequestDenied");
    assert_eq!(graph.post(&restore, json!({})).await.json()["appId"], client_id.as_str());
    assert_eq!(graph.get(path).await.json()["displayName"], "one");
    assert_eq!(graph.get(deleted).await.json()["value"], json!([]));
    // Until they are deleted for ever, which only administrators may do.
    assert_eq!(graph.delete(&format!("applications/{id}")).await.status, 204);
    ada.delete(&format!("directory/deletedItems/{id}")).await.expect_error(403, "Authorization_RequestDenied");
    assert_eq!(graph.delete(&format!("directory/deletedItems/{id}")).await.status, 204);
    graph.delete(&format!("directory/deletedItems/{id}")).await.expect_error(404, "Request_ResourceNotFound");
    assert_eq!(graph.upsert(path, json!({"displayName": "two"})).await.status, 201);
}
