//! Refused callers, for whom no upstream is called.

use emulated_tenant::{Endpoint, Service, Signing, TokenPlan};
use reqwest::Method;

use crate::harness::Harness;

type Break = fn(&mut TokenPlan);

#[tokio::test(flavor = "multi_thread")]
async fn a_token_with_one_thing_wrong_is_refused() {
    let cases: [(&str, Break); 17] = [
        ("tampered", |plan| plan.signing = Signing::Tampered),
        ("forged under a published key's id", |plan| plan.signing = Signing::ForgedKey),
        ("of an unknown key", |plan| plan.signing = Signing::UnknownKey),
        ("of the key for personal accounts", |plan| plan.signing = Signing::MicrosoftAccountKey),
        ("PS256", |plan| plan.signing = Signing::Ps256),
        ("HS256 by the public key", |plan| plan.signing = Signing::Hs256WithPublicKey),
        ("none", |plan| plan.signing = Signing::NoneAlgorithm),
        ("unsigned", |plan| plan.signing = Signing::Missing),
        ("expired", |plan| plan.expire()),
        ("not yet valid", |plan| plan.start_later()),
        ("of another audience", |plan| plan.set("aud", "api://00000000-0000-0000-0000-000000000009")),
        ("of another tenant", |plan| plan.set("tid", "00000000-0000-0000-0000-000000000009")),
        ("of another issuer", |plan| plan.set("iss", "https://login.example/x/v2.0")),
        ("without a version", |plan| plan.remove("ver")),
        ("with two tenants", |plan| plan.claims_text = Some(twice("tid", plan))),
        ("with two algorithms", |plan| {
            plan.header_text = Some(r#"{"alg":"RS256","alg":"RS256","kid":"x","typ":"JWT"}"#.into())
        }),
        ("with critical extensions", |plan| _ = plan.header.insert("crit".into(), serde_json::json!(["exp"]))),
    ];
    let harness = Harness::start().await;
    for (what, change) in cases {
        let answer = harness.get(&harness.token_with("ada", change)).await;
        answer.is(401, "invalid_token");
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""), "{what}");
    }
    assert_eq!((harness.count(Endpoint::Token), harness.asked(Service::Graph).len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_cloud_signs_for_nobody() {
    let harness = Harness::for_everybody().await;
    let forged = harness.token_with("ada", |plan| plan.signing = Signing::OtherCloudKey);
    harness.get(&forged).await.is(401, "invalid_token");
    assert_eq!(harness.get_as("ada").await.status, 200);
    assert_eq!(harness.count(Endpoint::Token), 1);
}

fn twice(name: &str, plan: &TokenPlan) -> String {
    let text = serde_json::to_string(&plan.claims).unwrap();
    let value = &plan.claims[name];
    format!("{{\"{name}\":{value},{}", text.strip_prefix('{').unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn other_kinds_of_tokens_are_distinguished() {
    let harness = Harness::start().await;
    let tenant = &harness.api.tenant;
    let ada = harness.person("ada");
    let answer = harness.get(&tenant.app_only_token(|_| {})).await;
    answer.is(403, "app_only_token");
    insta::assert_snapshot!("app_only_token", harness.snapshot(&answer));
    // The token that Entra issues if the application has roles and the API requests the optional claim.
    let with_roles = tenant.app_only_token(|plan| {
        plan.set("idtyp", "app");
        plan.set("roles", serde_json::json!(["Reader"]));
    });
    harness.get(&with_roles).await.is(403, "app_only_token");
    for roles in [None, Some(["Reader"])] {
        let id_token = tenant.id_token(ada, |plan| {
            if let Some(roles) = roles {
                plan.set("roles", serde_json::json!(roles));
            }
        });
        let answer = harness.get(&id_token).await;
        answer.is(401, "invalid_token");
        assert!(answer.json()["detail"].as_str().unwrap().contains("ID token"), "{answer:?}");
    }
    let bound = harness.token_with("ada", |plan| plan.set("cnf", serde_json::json!({"kid": "k"})));
    let answer = harness.get(&bound).await;
    answer.is(401, "invalid_token");
    assert!(answer.json()["detail"].as_str().unwrap().contains("bound to a key"), "{answer:?}");
    let answer = harness.get(&tenant.graph_token(ada)).await;
    answer.is(401, "invalid_token");
    assert!(answer.json()["detail"].as_str().unwrap().contains("meant for Microsoft Graph"));
    let answer = harness.get(&harness.token_with("ada", |plan| plan.set("scp", "other"))).await;
    answer.is(403, "insufficient_scope");
    let scope = format!("scope=\"api://{}/user_impersonation\"", tenant.client_id());
    assert!(answer.header("www-authenticate").contains(&scope), "{answer:?}");
    assert_eq!((harness.count(Endpoint::Token), harness.asked(Service::Graph).len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_requests_cause_no_upstream_calls() {
    let harness = Harness::start().await;
    let token = harness.token("ada");
    let get = |target| harness.request(Method::GET, target);
    harness.send(get("/api/profile-get")).await.is(401, "token_missing");
    harness.send(get("/api/profile-get").basic_auth("a", Some("b"))).await.is(401, "token_missing");
    harness.send(get("/api/profile-get").bearer_auth("x")).await.is(401, "invalid_token");
    let twice = get("/api/profile-get").bearer_auth(&token).bearer_auth(&token);
    harness.send(twice).await.is(400, "invalid_request");
    harness.send(get("/api/profile-get?access_token=x").bearer_auth(&token)).await.is(400, "invalid_request");
    let answer = harness.send(harness.request(Method::POST, "/api/profile-get").bearer_auth(&token).body("x")).await;
    answer.is(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), "GET, HEAD");
    assert_eq!(harness.api.tenant.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_in_no_log_line_and_no_answer() {
    let harness = Harness::start().await;
    let mut secrets = vec![harness.api.tenant.client_secret(), harness.api.tenant.vault_identity().client_secret];
    let mut answers = Vec::new();
    let people: Vec<String> = harness.api.tenant.people().iter().map(|person| person.name.to_string()).collect();
    for name in &people {
        let token = harness.token(name);
        answers.push(harness.get(&token).await);
        secrets.extend(token.split('.').skip(1).map(str::to_owned));
    }
    let graph_tokens = harness.api.tenant.requests();
    secrets.extend(
        graph_tokens
            .iter()
            .filter(|request| request.service == Service::Graph)
            .filter_map(|request| request.header("authorization")?.strip_prefix("Bearer ").map(str::to_owned)),
    );
    harness.request_lines(people.len()).await;
    let mut texts = harness.api.server.settled_log_lines().await;
    texts
        .extend(answers.iter().map(|answer| format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body))));
    for secret in secrets {
        assert!(secret.len() > 8);
        for text in &texts {
            assert!(!text.contains(&secret), "a secret is in: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_listed_origins_alone_may_call() {
    let harness = Harness::with_variables(&[("allowed_origins", "https://app.example")]).await;
    let preflight = |origin: &'static str| {
        harness
            .request(Method::OPTIONS, "/api/profile-get")
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization")
    };
    let answer = harness.send(preflight("https://app.example")).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, "https://app.example"));
    let answer = harness.send(preflight("https://evil.example")).await;
    answer.is(403, "origin_not_allowed");
    insta::assert_snapshot!("origin_not_allowed", harness.snapshot(&answer));
    let call = harness.request(Method::GET, "/api/profile-get").bearer_auth(harness.token("ada"));
    let answer = harness.send(call.header("origin", "https://app.example")).await;
    assert_eq!((answer.status, answer.header("vary")), (200, "Origin"));
    assert!(answer.header("access-control-expose-headers").contains("WWW-Authenticate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_applications_call_where_there_is_a_list() {
    let harness = Harness::with_variables(&[("allowed_clients", "00000000-0000-0000-0000-000000000001")]).await;
    let answer = harness.get_as("ada").await;
    answer.is(403, "client_not_allowed");
    insta::assert_snapshot!("client_not_allowed", harness.snapshot(&answer));
    let listed = harness.token_with("ada", |plan| plan.set("azp", "00000000-0000-0000-0000-000000000001"));
    assert_eq!(harness.get(&listed).await.status, 200);
}
