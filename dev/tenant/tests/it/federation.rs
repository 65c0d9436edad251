//! Client assertions of other issuers: of a cluster, and of managed identities.

use emulated_tenant::{ProjectedToken, Service, Signing, Tenant};
use http::Method;
use serde_json::{Value, json};

use crate::{
    client::{Response, exchange_with, get, graph_token, me, post_form, start, token, token_url, try_send},
    tokens::decode,
};

pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const SUBJECT: &str = "system:serviceaccount:web:profile-get";
const EXCHANGE: &str = "api://AzureADTokenExchange";

/// An exchange of ada's token in which the API authenticates itself by `assertion`.
async fn exchange(tenant: &Tenant, assertion: &str) -> Response {
    let ada = token(tenant, "ada", |_| ());
    let changed = [("client_secret", ""), ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)];
    exchange_with(tenant, &ada, &changed).await
}

/// A tenant whose API trusts a service account of the cluster.
async fn trusting() -> Tenant {
    let tenant = start().await;
    tenant.trust(tenant.client_id(), tenant.cluster_issuer(), SUBJECT).unwrap();
    tenant
}

#[tokio::test]
async fn a_token_of_the_cluster_authenticates_the_api() {
    let tenant = trusting().await;
    let assertion = tenant.service_account_token("web", "profile-get", |_| ());
    let response = exchange(&tenant, &assertion).await;
    assert_eq!(me(&tenant, &graph_token(&response)).await.json()["displayName"], "Ada Marsh");
}

#[tokio::test]
async fn each_mismatch_has_its_code() {
    let tenant = trusting().await;
    let (client_id, own_issuer) = (tenant.client_id(), tenant.cluster_issuer().to_owned());
    tenant.trust(client_id, "https://issuer.example/", "somebody").unwrap();
    let with = |claim: &'static str, value: Value| {
        tenant.service_account_token("web", "profile-get", |token| _ = token.claims.insert(claim.to_owned(), value))
    };
    let signed = |signing: Signing| tenant.service_account_token("web", "profile-get", |token| token.signing = signing);
    let lasting =
        |seconds, left| tenant.service_account_token("web", "profile-get", |token| token.lasts(seconds, left));
    for (assertion, status, error, code) in [
        (with("iss", json!("https://other.example/")), 401, "invalid_client", 700_211),
        (with("iss", json!(own_issuer.trim_end_matches('/'))), 401, "invalid_client", 700_211),
        (with("aud", json!(["api://other"])), 401, "invalid_client", 700_212),
        (with("aud", json!([])), 401, "invalid_client", 700_212),
        (with("sub", json!("system:serviceaccount:web:other")), 401, "invalid_client", 700_213),
        (with("sub", json!("system:serviceaccount:web:Profile-Get")), 401, "invalid_client", 7_002_138),
        (lasting(3600, -1), 401, "invalid_client", 700_024),
        (lasting(60, 3600), 401, "invalid_client", 700_024),
        (signed(Signing::UnknownKey), 401, "invalid_client", 7_000_272),
        (signed(Signing::ForgedKey), 401, "invalid_client", 700_027),
        (signed(Signing::Tampered), 401, "invalid_client", 700_027),
        (signed(Signing::NoneAlgorithm), 401, "invalid_client", 700_027),
    ] {
        println!("{code}");
        exchange(&tenant, &assertion).await.expect_failure(status, error, code);
    }
    let unreachable = tenant.service_account_token("web", "profile-get", |token| {
        token.claims.insert("iss".to_owned(), json!("https://issuer.example/"));
        token.claims.insert("sub".to_owned(), json!("somebody"));
    });
    exchange(&tenant, &unreachable).await.expect_failure(400, "invalid_request", 50166);
}

#[tokio::test]
async fn an_application_without_federated_credentials_takes_no_tokens() {
    let tenant = start().await;
    let assertion = tenant.service_account_token("web", "profile-get", |_| ());
    exchange(&tenant, &assertion).await.expect_failure(401, "invalid_client", 70025);
}

#[tokio::test]
async fn the_cluster_publishes_its_keys() {
    let tenant = start().await;
    let issuer = tenant.cluster_issuer();
    assert!(issuer.ends_with('/'), "{issuer}");
    let metadata = get(&format!("{issuer}.well-known/openid-configuration"), &[]).await.json();
    assert_eq!(metadata["issuer"], issuer);
    let keys = get(metadata["jwks_uri"].as_str().unwrap(), &[]).await.json();
    let (header, claims) = decode(&tenant.service_account_token("web", "profile-get", |_| ()));
    assert_eq!(keys["keys"][0]["kid"], header["kid"]);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(issuer), &json!([EXCHANGE])));
    assert_eq!(tenant.requests().iter().filter(|request| request.service == Service::Platform).count(), 2);
}

#[test]
fn a_projected_token_is_replaced_at_once() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("projected-token");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let volume = ProjectedToken::create(&folder, "first").unwrap();
    let read = || std::fs::read_to_string(volume.path()).unwrap();
    assert_eq!(read(), "first");
    volume.replace("second").unwrap();
    assert_eq!(read(), "second");
    // The link, the link behind it and the folder with the token.
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3);
    assert!(std::fs::symlink_metadata(volume.path()).unwrap().is_symlink());
}

/// Requests a token of a managed identity as App Service's applications do.
async fn app_service(tenant: &Tenant, query: &str, headers: &[(&str, &str)]) -> Response {
    let [(_, endpoint), _] = tenant.identity_variables();
    get(&format!("{endpoint}?{query}"), headers).await
}

/// Requests a token of a managed identity as applications on virtual machines do.
async fn metadata(tenant: &Tenant, query: &str, headers: &[(&str, &str)]) -> Response {
    get(&format!("{}/metadata/identity/oauth2/token?{query}", tenant.platform_url()), headers).await
}

#[tokio::test]
async fn a_managed_identity_authenticates_the_api() {
    let tenant = start().await;
    let identity = tenant.user_assigned_identity();
    let issuer = format!("{}/{}/v2.0", tenant.authority_url(), tenant.tenant_id());
    tenant.trust(tenant.client_id(), &issuer, &identity.principal_id).unwrap();
    let [_, (_, header)] = tenant.identity_variables();
    let query = format!("resource={EXCHANGE}&client_id={}", identity.client_id);
    let responses = [
        app_service(&tenant, &format!("{query}&api-version=2019-08-01"), &[("x-identity-header", &header)]).await,
        metadata(&tenant, &format!("{query}&api-version=2018-02-01"), &[("metadata", "true")]).await,
    ];
    for response in responses {
        let body = response.json();
        assert_eq!((&body["token_type"], &body["client_id"]), (&json!("Bearer"), &json!(identity.client_id)));
        assert!(body["expires_on"].is_string(), "{body}");
        let assertion = body["access_token"].as_str().unwrap();
        let (_, claims) = decode(assertion);
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!(issuer), &json!(identity.principal_id)));
        assert_eq!(exchange(&tenant, assertion).await.status, 200);
    }
    // The other identity is not trusted.
    let other = format!("resource={EXCHANGE}&api-version=2019-08-01");
    let other = app_service(&tenant, &other, &[("x-identity-header", &header)]).await.json();
    exchange(&tenant, other["access_token"].as_str().unwrap()).await.expect_failure(401, "invalid_client", 700_213);
}

#[tokio::test]
async fn of_entras_own_tokens_only_those_of_managed_identities_are_trusted() {
    let tenant = start().await;
    let issuer = format!("{}/{}/v2.0", tenant.authority_url(), tenant.tenant_id());
    let ada = tenant.person("ada").unwrap();
    let (_, claims) = decode(&tenant.access_token(ada, |_| ()));
    tenant.trust(tenant.client_id(), &issuer, claims["sub"].as_str().unwrap()).unwrap();
    let assertion = tenant.access_token(ada, |plan| plan.set("aud", EXCHANGE));
    exchange(&tenant, &assertion).await.expect_failure(401, "invalid_client", 700_226);
}

#[tokio::test]
async fn managed_identities_are_refused_as_their_platforms_refuse() {
    let tenant = start().await;
    let [_, (_, header)] = tenant.identity_variables();
    let right = [("x-identity-header", header.as_str())];
    let query = "resource=https://vault.azure.net&api-version=2019-08-01";
    assert_eq!(app_service(&tenant, query, &right).await.status, 200);
    for headers in [&[][..], &[("x-identity-header", "x")], &[("metadata", "true")]] {
        let response = app_service(&tenant, query, headers).await;
        assert_eq!((response.status.as_u16(), response.body.len()), (403, 0));
    }
    for query in [
        "resource=https://vault.azure.net",
        "resource=https://vault.azure.net&api-version=2017-09-01",
        "api-version=2019-08-01",
        "resource=https://unknown.example&api-version=2019-08-01",
        "resource=https://vault.azure.net&api-version=2019-08-01&client_id=11111111-2222-3333-4444-555555555555",
    ] {
        let response = app_service(&tenant, query, &right).await;
        assert_eq!((response.status.as_u16(), &response.json()["statusCode"]), (400, &json!(400)), "{query}");
    }

    let right = [("metadata", "true")];
    let query = "resource=https://vault.azure.net&api-version=2018-02-01";
    assert_eq!(metadata(&tenant, query, &right).await.status, 200);
    assert_eq!(metadata(&tenant, query, &[]).await.json()["error"], "invalid_request");
    let forwarded = [("metadata", "true"), ("x-forwarded-for", "203.0.113.7")];
    assert_eq!(metadata(&tenant, query, &forwarded).await.status, 400);
    for (query, error) in [
        ("api-version=2018-02-01", "invalid_request"),
        ("resource=https://vault.azure.net&api-version=2017-09-01", "bad_request_102"),
        ("resource=https://unknown.example&api-version=2018-02-01", "invalid_resource"),
        ("resource=https://vault.azure.net&api-version=2018-02-01&object_id=x", "invalid_request"),
    ] {
        let response = metadata(&tenant, query, &right).await;
        assert_eq!((response.status.as_u16(), response.json()["error"].as_str()), (400, Some(error)), "{query}");
    }
}

/// Workload identity for the vault: the cluster's token is exchanged for one of a managed identity.
#[tokio::test]
async fn a_service_account_reads_the_vault_as_a_managed_identity() {
    let tenant = start().await;
    let identity = tenant.user_assigned_identity();
    tenant.trust(&identity.client_id, tenant.cluster_issuer(), SUBJECT).unwrap();
    let assertion = tenant.service_account_token("web", "profile-get", |_| ());
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", &identity.client_id),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", &assertion),
        ("scope", "https://vault.azure.net/.default"),
    ];
    let token = post_form(&token_url(&tenant), &[], &fields).await.json();
    let authorization = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let url = format!("{}/secrets/clientsecret?api-version=7.4", tenant.vault_url());
    assert_eq!(get(&url, &[("authorization", &authorization)]).await.json()["value"], tenant.client_secret());
}

#[tokio::test]
async fn federated_credentials_are_managed_through_graph() {
    let tenant = start().await;
    let token = tenant.azure_cli_graph_token(tenant.administrator());
    let authorization = format!("Bearer {token}");
    let send = |method: Method, path: &str, prefer: &'static str, body: Value| {
        let url = format!("{}/v1.0/applications(appId='{}')/{path}", tenant.graph_url(), tenant.client_id());
        let authorization = authorization.clone();
        async move {
            let headers =
                [("authorization", authorization.as_str()), ("content-type", "application/json"), ("prefer", prefer)];
            let body = if body.is_null() { String::new() } else { body.to_string() };
            try_send(method, &url, &headers, &body).await.unwrap()
        }
    };
    let all = "federatedIdentityCredentials";
    let credential = json!({
        "name": "cluster", "issuer": tenant.cluster_issuer(), "subject": SUBJECT, "audiences": [EXCHANGE],
    });
    let with = |member: &str, value: Value| {
        let mut credential = credential.clone();
        credential[member] = value;
        credential
    };
    for (body, status, code) in [
        (with("name", json!("a b")), 400, "InvalidFederatedIdentityCredentialValue"),
        (with("issuer", json!("http://issuer.example/")), 400, "InvalidFederatedIdentityCredentialValue"),
        (with("subject", json!("")), 400, "InvalidFederatedIdentityCredentialValue"),
        (with("audiences", json!([])), 400, "InvalidFederatedIdentityCredentialValue"),
        (with("audiences", json!([EXCHANGE, "other"])), 400, "InvalidFederatedIdentityCredentialValue"),
        (with("audience", json!(EXCHANGE)), 400, "Request_BadRequest"),
        (json!({"name": "cluster"}), 400, "Request_BadRequest"),
    ] {
        send(Method::POST, all, "", body).await.expect_error(status, code);
    }
    assert_eq!(send(Method::POST, all, "", credential.clone()).await.status, 201);
    send(Method::POST, all, "", credential.clone()).await.expect_error(409, "Request_MultipleObjectsWithSameKeyValue");
    let same = with("name", json!("other"));
    send(Method::POST, all, "", same).await.expect_error(400, "InvalidFederatedIdentityCredentialValue");
    let assertion = tenant.service_account_token("web", "profile-get", |_| ());
    assert_eq!(exchange(&tenant, &assertion).await.status, 200);

    let one = "federatedIdentityCredentials(name='cluster')";
    assert_eq!(send(Method::PATCH, one, "create-if-missing", json!({"subject": "other"})).await.status, 204);
    exchange(&tenant, &assertion).await.expect_failure(401, "invalid_client", 700_213);
    assert_eq!(send(Method::GET, all, "", Value::Null).await.json()["value"][0]["subject"], "other");
    send(Method::PATCH, one, "", json!({"name": "new"})).await.expect_error(400, "Request_BadRequest");
    assert_eq!(send(Method::DELETE, "federatedIdentityCredentials/cluster", "", Value::Null).await.status, 204);
    send(Method::GET, one, "", Value::Null).await.expect_error(404, "Request_ResourceNotFound");
    let upsert = json!({"issuer": tenant.cluster_issuer(), "subject": SUBJECT, "audiences": [EXCHANGE]});
    send(Method::PATCH, one, "", upsert.clone()).await.expect_error(404, "Request_ResourceNotFound");
    assert_eq!(send(Method::PATCH, one, "create-if-missing", upsert).await.status, 201);
    assert_eq!(exchange(&tenant, &assertion).await.status, 200);
}
