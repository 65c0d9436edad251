//! Registering applications through Graph, and what Entra makes of them.

use emulated_tenant::Tenant;
use http::Method;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, REDIRECT_URI, VERIFIER},
    client::{JWT_BEARER, Response, graph_token, me, post_form, start, token_url, try_send},
    tokens::decode,
};

const SCOPE_ID: &str = "5f0b6d0e-6a0b-4a5c-8a53-3f0f5c5f0a01";
const GRAPH_ID: &str = "00000003-0000-0000-c000-000000000000";
const USER_READ: &str = "e1fe6dd8-ba31-4d61-89e7-88639da4683d";

/// Graph, as the administrator or someone else calls it by the Azure CLI.
pub(crate) struct Graph<'t> {
    tenant: &'t Tenant,
    token: String,
}

impl<'t> Graph<'t> {
    pub(crate) fn of_administrator(tenant: &'t Tenant) -> Self {
        Self { tenant, token: tenant.azure_cli_graph_token(tenant.administrator()) }
    }

    pub(crate) fn of(tenant: &'t Tenant, name: &str) -> Self {
        Self { tenant, token: tenant.azure_cli_graph_token(tenant.person(name).unwrap()) }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let authorization = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
        all.extend(headers);
        try_send(method, &format!("{}/v1.0/{path}", self.tenant.graph_url()), &all, body).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Response {
        self.send(Method::POST, path, &[], &body.to_string()).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Response {
        self.send(Method::PATCH, path, &[], &body.to_string()).await
    }

    pub(crate) async fn upsert(&self, path: &str, body: Value) -> Response {
        self.send(Method::PATCH, path, &[("prefer", "create-if-missing")], &body.to_string()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Response {
        self.send(Method::DELETE, path, &[], "").await
    }

    /// Creates an application and returns its object id and client id.
    async fn application(&self, body: Value) -> (String, String) {
        let response = self.post("applications", body).await;
        assert_eq!(response.status, 201, "{}", response.json());
        let application = response.json();
        (text(&application, "id"), text(&application, "appId"))
    }
}

fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_else(|| panic!("{name} in {object}")).to_owned()
}

fn scope() -> Value {
    json!({
        "id": SCOPE_ID, "value": "user_impersonation", "type": "User", "isEnabled": true,
        "adminConsentDisplayName": "Use it", "adminConsentDescription": "Use it as somebody",
        "userConsentDisplayName": "Use it as you", "userConsentDescription": "Use it as you",
    })
}

fn required(resource: &str, scope: &str) -> Value {
    json!([{"resourceAppId": resource, "resourceAccess": [{"id": scope, "type": "Scope"}]}])
}

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
