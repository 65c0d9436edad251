//! What the probes of a load balancer get.

use emulated_tenant::{Endpoint, Fault};
use reqwest::Method;
use serde_json::Value;

use crate::harness::{ApiResponse, Harness};

async fn probe(harness: &Harness) -> ApiResponse {
    harness.send(harness.request(Method::GET, "/readyz")).await
}

/// The lines about probes.
async fn lines(harness: &Harness) -> Vec<Value> {
    let lines = harness.api.server.settled_log_lines().await;
    let lines = lines.iter().filter_map(|line| serde_json::from_str(line.get(line.find('{')?..)?).ok());
    lines.filter(|line: &Value| line["event"] == "readiness").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_needs_no_token_and_calls_nobody() {
    let harness = Harness::start().await;
    for served in [0, 1] {
        harness.forget();
        let answer = probe(&harness).await;
        assert_eq!((answer.status, &*answer.body), (200, &b"ready"[..]), "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(
            (harness.api.tenant.requests().len(), lines(&harness).await.len()),
            (0, 0),
            "after {served} requests"
        );
        assert_eq!(harness.get_as("ada").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_are_not_ready_before_any_request() {
    let harness = Harness::with_variables(&[("required_scope", "")]).await;
    let answer = probe(&harness).await;
    answer.is(503, "not_ready");
    insta::assert_snapshot!("not_ready", harness.snapshot(&answer));
    let line = lines(&harness).await.remove(0);
    assert_eq!(line["level"], "error");
    assert!(line["cause"].as_str().unwrap().contains("required_scope"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_without_a_secret_is_not_ready_until_it_has_one() {
    let harness = Harness::start().await;
    harness.api.tenant.faults().set(Endpoint::VaultSecret, Fault::status(403));
    harness.get_as("ada").await.is(503, "server_unavailable");
    harness.forget();
    probe(&harness).await.is(503, "not_ready");
    assert_eq!(harness.count(Endpoint::VaultSecret), 0);
    harness.api.tenant.faults().clear();
    assert_eq!(harness.get_as("ada").await.status, 200);
    assert_eq!(probe(&harness).await.status, 200);
    assert_eq!(lines(&harness).await.len(), 1, "{:?}", harness.api.server.log_lines());
}
