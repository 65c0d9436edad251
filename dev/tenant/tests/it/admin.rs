//! The administration of a running tenant over HTTP.

use emulated_tenant::{AdminServer, Tenant};
use http::Method;
use serde_json::{Value, json};

use crate::{
    client::{Response, exchange_for, exchange_with, get, graph_token, me, start, token, try_send},
    federation::ASSERTION_TYPE,
};

const JSON: (&str, &str) = ("content-type", "application/json");

/// A tenant with its administration.
struct Admin(AdminServer);

impl Admin {
    async fn start() -> Self {
        Self(AdminServer::start(start().await, 0).await.unwrap())
    }

    fn tenant(&self) -> &Tenant {
        self.0.tenant()
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Response {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        try_send(method, &format!("{}{path}", self.0.url()), &[JSON], &body).await.unwrap()
    }

    /// Makes a change that is possible.
    async fn change(&self, method: Method, path: &str, body: Value) {
        let response = self.send(method, path, &body).await;
        assert!(response.status.is_success(), "{path} {body}: {}", String::from_utf8_lossy(&response.body));
    }

    async fn get(&self, path: &str) -> Value {
        get(&format!("{}{path}", self.0.url()), &[]).await.json()
    }

    async fn exchange(&self, name: &str) -> Response {
        exchange_for(self.tenant(), name).await
    }
}

#[tokio::test]
async fn the_environment_is_what_clients_need() {
    let admin = Admin::start().await;
    let (tenant, environment) = (admin.tenant(), admin.get("/environment").await);
    assert_eq!(environment, admin.0.environment());
    assert_eq!(environment["authority_url"], tenant.authority_url());
    assert_eq!(environment["identity_variables"]["IDENTITY_HEADER"], tenant.identity_variables()[1].1);
    let applications = environment["applications"].as_array().unwrap();
    let api = applications.iter().find(|one| one["client_id"] == tenant.client_id()).unwrap();
    assert_eq!(
        (&api["client_secret"], &api["scopes"]),
        (&json!(tenant.client_secret()), &json!(["user_impersonation"]))
    );
}

#[tokio::test]
async fn faults_are_set_for_some_requests_or_all() {
    let admin = Admin::start().await;
    let throttled = json!({"status": {"code": 429, "headers": {"retry-after": "3"}, "body": "{}"}});
    admin.change(Method::PUT, "/faults/token", json!({"fault": throttled, "times": 1})).await;
    let response = admin.exchange("ada").await;
    assert_eq!((response.status.as_u16(), response.header("retry-after")), (429, Some("3")));
    assert_eq!(admin.exchange("ada").await.status, 200);
    admin.change(Method::PUT, "/faults/token", json!({"fault": "garbage", "every": 2})).await;
    assert!(admin.exchange("ada").await.body.starts_with(b"{"));
    assert!(admin.exchange("ada").await.body.starts_with(b"<"));
    admin.change(Method::PUT, "/faults/token", json!({"fault": {"drip_body": {"bytes": 1000, "pause": 1}}})).await;
    assert_eq!(admin.exchange("ada").await.status, 200);
    admin.change(Method::PUT, "/connection-faults/entra", json!({"fault": "gibberish", "times": 1})).await;
    admin.change(Method::PUT, "/faults/graph_me", json!({"fault": {"status": {"code": 500}}})).await;
    admin.change(Method::DELETE, "/faults", Value::Null).await;
    let graph_token = graph_token(&admin.exchange("ada").await);
    assert_eq!(me(admin.tenant(), &graph_token).await.status, 200);
}

#[tokio::test]
async fn people_come_and_go_and_policies_change() {
    let admin = Admin::start().await;
    let erin = json!({"name": "erin", "given_name": "Erin", "surname": "Blum", "profile": {"jobTitle": "Clerk"}});
    admin.change(Method::POST, "/people", erin).await;
    let people = admin.get("/people").await;
    let erin = people.as_array().unwrap().iter().find(|person| person["name"] == "erin").unwrap();
    assert_eq!(
        (&erin["exchange"], &erin["user_principal_name"]),
        (&json!("granted"), &json!("erin@emulated-tenant.example"))
    );

    let ada = graph_token(&admin.exchange("ada").await);
    admin.change(Method::PATCH, "/people/ada", json!({"exchange": "blocked", "profile": {"jobTitle": null}})).await;
    admin.exchange("ada").await.expect_failure(400, "invalid_grant", 53003);
    assert_eq!(me(admin.tenant(), &ada).await.json()["jobTitle"], Value::Null);
    admin.change(Method::PATCH, "/people/ada", json!({"exchange": "granted", "graph": "forbidden"})).await;
    assert_eq!(admin.exchange("ada").await.status, 200);
    me(admin.tenant(), &ada).await.expect_error(403, "Authorization_RequestDenied");
    admin.change(Method::PATCH, "/people/ada", json!({"graph": "profile"})).await;
    admin.change(Method::POST, "/people/ada/revoke-sessions", json!({})).await;
    assert_eq!(me(admin.tenant(), &ada).await.status, 401);

    admin.change(Method::DELETE, "/people/ada", Value::Null).await;
    admin.exchange("ada").await.expect_failure(400, "invalid_grant", 50034);
}

#[tokio::test]
async fn consents_are_given_and_withdrawn() {
    let admin = Admin::start().await;
    admin.exchange("connie").await.expect_failure(400, "invalid_grant", 65001);
    let consent = json!({"application": "profile-get", "scopes": ["user.read"], "person": "connie"});
    admin.change(Method::POST, "/consents", consent).await;
    assert_eq!(admin.exchange("connie").await.status, 200);
    admin.exchange("adrian").await.expect_failure(400, "invalid_grant", 90094);
    let consent = json!({"application": admin.tenant().client_id(), "scopes": ["User.Read"]});
    admin.change(Method::POST, "/consents", consent).await;
    assert_eq!(admin.exchange("adrian").await.status, 200);
    admin.change(Method::DELETE, "/consents", Value::Null).await;
    admin.exchange("connie").await.expect_failure(400, "invalid_grant", 65001);
}

#[tokio::test]
async fn keys_are_rotated_and_replaced() {
    let admin = Admin::start().await;
    let old = token(admin.tenant(), "ada", |_| ());
    admin.change(Method::POST, "/keys", json!({"keys": "rotate"})).await;
    assert_eq!(exchange_with(admin.tenant(), &old, &[]).await.status, 200);
    admin.change(Method::POST, "/keys", json!({"keys": "replace"})).await;
    assert_eq!(exchange_with(admin.tenant(), &old, &[]).await.status, 400);
    assert_eq!(admin.exchange("ada").await.status, 200);
}

#[tokio::test]
async fn tokens_of_service_accounts_are_issued() {
    let admin = Admin::start().await;
    let tenant = admin.tenant();
    tenant.trust(tenant.client_id(), tenant.cluster_issuer(), "system:serviceaccount:web:profile-get").unwrap();
    let exchange = async |account: Value| {
        let issued = admin.send(Method::POST, "/service-account-tokens", &account).await.json();
        let assertion = issued["token"].as_str().unwrap();
        let changed =
            [("client_secret", ""), ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)];
        exchange_with(tenant, &token(tenant, "ada", |_| ()), &changed).await
    };
    assert_eq!(exchange(json!({"namespace": "web", "name": "profile-get"})).await.status, 200);
    let expired = exchange(json!({"namespace": "web", "name": "profile-get", "expires_in": -1})).await;
    expired.expect_failure(401, "invalid_client", 700_024);
}

#[tokio::test]
async fn replication_lags_as_set() {
    let admin = Admin::start().await;
    admin.change(Method::PUT, "/replication", json!({"lookups": 1})).await;
    let tenant = admin.tenant();
    tenant.trust(tenant.client_id(), tenant.cluster_issuer(), "system:serviceaccount:web:profile-get").unwrap();
    let assertion = tenant.service_account_token("web", "profile-get", |_| ());
    let changed = [("client_secret", ""), ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion)];
    let ada = token(tenant, "ada", |_| ());
    assert_eq!(exchange_with(tenant, &ada, &changed).await.status, 401);
    assert_eq!(exchange_with(tenant, &ada, &changed).await.status, 200);
}

#[tokio::test]
async fn received_requests_are_listed_and_shown_without_secrets() {
    let admin = Admin::start().await;
    let secret = admin.tenant().client_secret();
    let assertion = token(admin.tenant(), "ada", |_| ());
    exchange_with(admin.tenant(), &assertion, &[]).await;
    admin.change(Method::PUT, "/faults/graph_me", json!({"fault": {"status": {"code": 503}}})).await;
    me(admin.tenant(), "a.graph.token").await;

    let requests = admin.get("/requests").await;
    assert_eq!(requests.as_array().unwrap().len(), 2, "the administration is not among them: {requests}");
    assert_eq!((&requests[0]["endpoint"], &requests[0]["response_status"]), (&json!("token"), &json!(200)));
    assert!(requests[0]["form"].as_array().unwrap().contains(&json!(["client_secret", secret])));
    assert_eq!((&requests[1]["path"], &requests[1]["response_status"]), (&json!("/v1.0/me"), &json!(503)));

    let page = get(&format!("{}/", admin.0.url()), &[]).await;
    let text = String::from_utf8_lossy(&page.body).into_owned();
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    for shown in
        ["<td>graph_me</td>", "<td>503</td>", "GET /v1.0/me", "<dd>on_behalf_of</dd>", "<dt>authorization</dt>"]
    {
        assert!(text.contains(shown), "{shown} is not in {text}");
    }
    for hidden in [secret.as_str(), &assertion, "a.graph.token"] {
        assert!(!text.contains(hidden));
    }

    admin.change(Method::DELETE, "/requests", Value::Null).await;
    assert_eq!(admin.get("/requests").await, json!([]));
}

#[tokio::test]
async fn refusals_name_what_to_send() {
    let admin = Admin::start().await;
    let person = json!({"name": "ada", "given_name": "Ada", "surname": "Marsh"});
    for (method, path, body, status, words) in [
        (Method::GET, "/nothing", Value::Null, 404, "there is no GET /nothing; there are GET /,"),
        (Method::PATCH, "/people/nobody", json!({}), 404, "choose one of ada, mona,"),
        (
            Method::PATCH,
            "/people/ada",
            json!({"exchange": "x"}),
            400,
            "unknown variant `x`, expected one of `granted`,",
        ),
        (Method::PATCH, "/people/ada", json!({"rule": "x"}), 400, "unknown field `rule`, expected one of `exchange`,"),
        (Method::POST, "/people", person, 400, "there is a person with the name \"ada\" or this object_id already"),
        (Method::POST, "/people", json!({"name": "A B"}), 400, "write a name of lower-case letters"),
        (Method::PUT, "/faults/me", json!({"fault": "hang_up"}), 404, "expected one of `open_id_configuration`,"),
        (Method::PUT, "/faults/token", json!({"fault": "explode"}), 400, "expected one of `delay`,"),
        (Method::PUT, "/faults/token", json!({"fault": {"status": {"code": 99}}}), 400, "between 200 and 599"),
        (Method::PUT, "/faults/token", json!({"fault": "silence", "every": 0}), 400, "`every` of 1 or more"),
        (Method::PUT, "/connection-faults/x", json!({"fault": "hang_up"}), 404, "expected one of `entra`,"),
        (Method::POST, "/consents", json!({"application": "x", "scopes": []}), 400, "no application with the name"),
        (
            Method::POST,
            "/consents",
            json!({"application": "profile-get", "scopes": ["Nothing"]}),
            400,
            "Microsoft Graph has no scope \"Nothing\"",
        ),
        (Method::POST, "/keys", json!({"keys": "lose"}), 400, "expected `rotate` or `replace`"),
    ] {
        let response = admin.send(method, path, &body).await;
        let error = response.json();
        assert_eq!(response.status.as_u16(), status, "{path} {body} {error}");
        assert!(error["error"].as_str().unwrap().contains(words), "{path} {body} {error}");
    }
}

#[tokio::test]
async fn pages_in_a_browser_cannot_use_it() {
    let admin = Admin::start().await;
    let port = admin.0.url().rsplit(':').next().unwrap().to_owned();
    let url = format!("{}/keys", admin.0.url());
    let body = json!({"keys": "rotate"}).to_string();
    // A name that points to this machine, and what a form of another site could send.
    for (headers, status) in [
        (vec![JSON, ("host", "rebound.example")], 403),
        (vec![JSON, ("host", "localhost")], 403),
        (vec![("content-type", "text/plain")], 400),
        (vec![], 400),
    ] {
        assert_eq!(try_send(Method::POST, &url, &headers, &body).await.unwrap().status, status, "{headers:?}");
    }
    let localhost = format!("localhost:{port}");
    assert_eq!(try_send(Method::POST, &url, &[JSON, ("host", &localhost)], &body).await.unwrap().status, 204);
}
