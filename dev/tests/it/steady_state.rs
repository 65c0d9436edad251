//! The upstream calls of a request in the steady state, and its log line.

use cargo_dev::{component::Component, progress::Progress, workspace};
use emulated_tenant::{Endpoint, Tenant, TenantOptions};
use profile_get_dev::run::{ApiOptions, manifest, runtime_config::KeyValueStore};

use crate::harness::{Harness, owned};

#[tokio::test(flavor = "multi_thread")]
async fn later_requests_cost_one_call_to_graph() {
    let harness = Harness::start().await;
    let token = harness.token("ada");
    assert_eq!(harness.get(&token).await.status, 200);
    harness.forget();
    for _ in 0..10 {
        assert_eq!(harness.get(&token).await.status, 200);
    }
    let asked: Vec<Endpoint> = harness.api.tenant.requests().iter().map(|request| request.endpoint).collect();
    assert_eq!(asked, vec![Endpoint::GraphMe; 10]);
}

/// The host reads it because it resolves every variable before an instance's first call (`docs/design.md`, "Why does an
/// instance retire after a denied call?"), the component to use it.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_instance_reads_the_vault_twice_and_then_no_more() {
    let harness = Harness::start().await;
    let token = harness.token("ada");
    for _ in 0..3 {
        assert_eq!(harness.get(&token).await.status, 200);
        assert_eq!(harness.count(Endpoint::VaultSecret), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_instance_shares_what_the_first_learnt() {
    for store in [KeyValueStore::SqliteFile, KeyValueStore::SqliteInMemory] {
        let harness = Harness::with(ApiOptions { store, ..ApiOptions::default() }).await;
        let token = harness.token("ada");
        assert_eq!(harness.get(&token).await.status, 200);
        // Longer than an idle instance is kept.
        tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
        harness.forget();
        assert_eq!(harness.get(&token).await.status, 200);
        for endpoint in [Endpoint::OpenIdConfiguration, Endpoint::KeySet, Endpoint::Token] {
            assert_eq!(harness.count(endpoint), 0, "{endpoint:?}");
        }
        let lines = harness.request_lines(2).await;
        assert_eq!(lines[1]["token_from"], "store");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_share_exchanges() {
    let harness = Harness::start().await;
    let token = harness.token("ada");
    // When they arrive, there is one instance with empty caches.
    harness.get("not.a.token").await.is(401, "invalid_token");
    let answers = futures::future::join_all((0..12).map(|_| harness.get(&token))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    // One for each instance that the host starts, not for each request. `tests/native` checks the exact number.
    for endpoint in [Endpoint::KeySet, Endpoint::Token] {
        assert!((1..=6).contains(&harness.count(endpoint)), "{endpoint:?}: {}", harness.count(endpoint));
    }
}

/// Entra takes many exchanges of one token in a row for a loop (AADSTS50196).
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_new_callers_costs_two_exchanges_each_at_most() {
    let harness = Harness::start().await;
    assert_eq!(harness.get_as("ada").await.status, 200);
    for person in harness.api.tenant.add_members(5) {
        let token = harness.api.tenant.access_token(&person, |_| {});
        harness.forget();
        let answers = futures::future::join_all((0..16).map(|_| harness.get(&token))).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
        assert!((1..=2).contains(&harness.count(Endpoint::Token)), "{} exchanges", harness.count(Endpoint::Token));
    }
}

/// Neither does a burst of callers whom Entra refuses, and all of them learn why.
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_refused_callers_costs_two_exchanges_at_most() {
    let harness = Harness::start().await;
    assert_eq!(harness.get_as("ada").await.status, 200);
    for (person, status, code) in [
        ("mona", 401, "claims_challenge"),
        ("connie", 403, "consent_required"),
        ("blake", 403, "access_denied"),
        ("rhea", 401, "token_refused"),
        ("lou", 503, "entra_throttled"),
    ] {
        let token = harness.token(person);
        harness.forget();
        for answer in futures::future::join_all((0..16).map(|_| harness.get(&token))).await {
            answer.is(status, code);
            assert!(answer.json()["entra_trace_id"].is_string(), "{answer:?}");
            assert!(status != 503 || !answer.header("retry-after").is_empty(), "{answer:?}");
            let challenge = answer.header("www-authenticate");
            assert!(code != "claims_challenge" || challenge.contains("claims="), "{challenge}");
        }
        let exchanges = harness.count(Endpoint::Token);
        assert!((1..=2).contains(&exchanges), "{person}: {exchanges} exchanges");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_their_own_profile() {
    let harness = Harness::start().await;
    let crowd = harness.api.tenant.add_members(40);
    let tokens: Vec<(String, String)> = crowd
        .iter()
        .map(|person| (person.object_id.to_string(), harness.api.tenant.access_token(person, |_| {})))
        .collect();
    for _ in 0..3 {
        let answers = futures::future::join_all(tokens.iter().map(|(_, token)| harness.get(token))).await;
        for ((object_id, _), answer) in tokens.iter().zip(&answers) {
            assert_eq!((answer.status, answer.json()["id"].as_str()), (200, Some(object_id.as_str())));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_one_line_with_its_ids_and_times() {
    let harness = Harness::start().await;
    let id = "9b3d2f6e-0a4b-4c8d-9e1f-2a3b4c5d6e7f";
    let request = harness
        .request(reqwest::Method::GET, "/api/profile-get")
        .bearer_auth(harness.token("ada"))
        .header("client-request-id", id);
    let answer = harness.send(request).await;
    assert_eq!(answer.header("client-request-id"), id);
    let line = harness.request_lines(1).await.remove(0);
    assert_eq!(line["request_id"], answer.header("request-id"));
    assert_eq!(line["client_request_id"], id);
    assert_eq!(line["object_id"], harness.person("ada").object_id.as_str());
    for name in ["validate_ms", "exchange_ms", "graph_ms", "total_ms"] {
        assert!(line[name].is_number(), "{name} in {line}");
    }
    for request in harness.api.tenant.requests() {
        if matches!(request.endpoint, Endpoint::Token | Endpoint::GraphMe) {
            assert_eq!(request.header("client-request-id"), Some(id), "{request:?}");
        }
    }
}

/// As in a manifest from which someone left `key_value_stores` out.
#[tokio::test(flavor = "multi_thread")]
async fn without_access_to_the_store_the_log_says_how_to_give_it() {
    Component::Api.build(Progress::default()).await.unwrap();
    let manifest = std::fs::read_to_string(workspace::manifest()).unwrap();
    let manifest = manifest::derive(&manifest, workspace::root(), "profile-get", &owned(&[]), &[]).unwrap();
    let options = ApiOptions {
        manifest: Some(manifest.replace("key_value_stores = [\"default\"]\n", "")),
        ..ApiOptions::default()
    };
    let harness = Harness::with_tenant(Tenant::start(TenantOptions::default()).await.unwrap(), options).await;
    assert_eq!(harness.get_as("ada").await.status, 200);
    let lines = harness.api.server.settled_log_lines().await;
    let advice = "no access: add default to key_value_stores of this component in spin.toml";
    assert!(lines.iter().any(|line| line.contains(advice)), "{lines:?}");
}
