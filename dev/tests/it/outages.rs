//! Outages of Entra, Graph and Key Vault: there is a response in time, and everything works afterwards.

use std::time::{Duration, Instant};

use emulated_tenant::{Endpoint, Fault};

use crate::harness::Harness;

#[tokio::test(flavor = "multi_thread")]
async fn every_broken_answer_has_its_own_and_passes() {
    use Endpoint::{GraphMe, KeySet, OpenIdConfiguration, Token};
    let cases = [
        (OpenIdConfiguration, Fault::Garbage, 502, "entra_unusable_answer"),
        (OpenIdConfiguration, Fault::HangUp, 502, "entra_unreachable"),
        (OpenIdConfiguration, Fault::status(500), 503, "entra_unavailable"),
        (KeySet, Fault::status(500), 503, "entra_unavailable"),
        (Token, Fault::status(500), 503, "entra_unavailable"),
        (KeySet, Fault::HugeBody(4 << 20), 502, "entra_unusable_answer"),
        (Token, Fault::Garbage, 502, "entra_unusable_answer"),
        (Token, Fault::HangUp, 502, "entra_unreachable"),
        (Token, Fault::status(503), 503, "entra_unavailable"),
        (Token, Fault::CutShort, 502, "entra_unreachable"),
        (GraphMe, Fault::HangUp, 502, "graph_unreachable"),
        (GraphMe, Fault::status(500), 502, "graph_unusable_answer"),
        (GraphMe, Fault::status(503), 503, "graph_unavailable"),
        (GraphMe, Fault::CutShort, 502, "graph_unreachable"),
    ];
    for (endpoint, fault, status, code) in cases {
        let harness = Harness::start().await;
        let what = format!("{endpoint:?} {fault:?}");
        harness.api.tenant.faults().set(endpoint, fault);
        let answer = harness.get_as("ada").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{what}");
        insta::assert_snapshot!(code, harness.snapshot(&answer));
        harness.api.tenant.faults().clear();
        assert_eq!(harness.get_as("ada").await.status, 200, "{what}, mended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_has_a_deadline() {
    let cases = [
        (Endpoint::KeySet, 504, "entra_timeout"),
        (Endpoint::Token, 504, "entra_timeout"),
        (Endpoint::GraphMe, 504, "graph_timeout"),
    ];
    let started = Instant::now();
    let silences = cases.map(|(endpoint, status, code)| async move {
        let harness = Harness::start().await;
        harness.api.tenant.faults().set(endpoint, Fault::Silence);
        let answer = harness.get_as("ada").await;
        answer.is(status, code);
        insta::assert_snapshot!(code, harness.snapshot(&answer));
        harness.api.tenant.faults().clear();
        assert_eq!(harness.get_as("ada").await.status, 200, "{endpoint:?}, mended");
    });
    futures::future::join_all(silences).await;
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_as_a_whole_has_a_deadline_of_the_operators_own() {
    let harness = Harness::with_component_variables(&[("request_timeout", "1")]).await;
    assert_eq!(harness.get_as("ada").await.status, 200);
    harness.api.tenant.faults().set(Endpoint::GraphMe, Fault::Silence);
    let started = Instant::now();
    let answer = harness.get_as("ada").await;
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    answer.is(504, "request_timeout");
    insta::assert_snapshot!("request_timeout", harness.snapshot(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_passes_is_not_noticed() {
    let harness = Harness::start().await;
    for endpoint in [Endpoint::OpenIdConfiguration, Endpoint::KeySet, Endpoint::Token, Endpoint::GraphMe] {
        harness.api.tenant.faults().set_times(endpoint, Fault::status(503), 1);
    }
    assert_eq!(harness.get_as("ada").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_is_an_outage_that_names_it_in_the_log_alone() {
    let harness = Harness::start().await;
    harness.api.tenant.remove_vault_secret("clientsecret");
    let answer = harness.get_as("ada").await;
    answer.is(503, "server_unavailable");
    insta::assert_snapshot!("server_unavailable", harness.snapshot(&answer));
    assert!(!String::from_utf8_lossy(&answer.body).contains("clientsecret"));
    let line = harness.request_lines(1).await.remove(0);
    assert_eq!(line["outcome"], "server_unavailable");
    assert!(line["cause"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_secret_is_picked_up_without_a_restart() {
    let harness = Harness::start().await;
    assert_eq!(harness.get_as("ada").await.status, 200);
    harness.api.tenant.rotate_client_secret();
    for _ in 0..3 {
        assert_eq!(harness.get_as("ada").await.status, 200);
    }
    // A secret that only Entra knows is the operator's fault.
    harness.api.tenant.set_accepted_client_secret("known to Entra alone");
    let answer = harness.get_as("ada").await;
    answer.is(500, "server_misconfigured");
    insta::assert_snapshot!("server_misconfigured", harness.snapshot(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn rotated_signing_keys_are_found() {
    let harness = Harness::start().await;
    assert_eq!(harness.get_as("ada").await.status, 200);
    harness.api.tenant.rotate_signing_key().unwrap();
    assert_eq!(harness.get_as("ada").await.status, 200);
    assert_eq!(harness.count(Endpoint::KeySet), 2);
}
