//! A vault that fails fast, under load: every request gets a response, and everything works when the vault recovers.

use std::time::{Duration, Instant};

use emulated_tenant::{Endpoint, Fault, Signing};
use futures::future::join_all;

use crate::harness::Harness;

/// How long the clients call while the vault fails.
const LOAD: Duration = Duration::from_secs(3);
/// After this time, a request counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);
/// The limit for the API's recovery after the vault's.
const RECOVERY: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vault {
    /// Each request fails.
    Down,
    /// Every second request fails, so that many instances can read the secret but cannot resolve the variables for
    /// their first call.
    Flapping,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_stranded_by_a_vault_that_fails() {
    let faults = [
        ("reset", Fault::HangUp),
        ("not found", Fault::status(404)),
        ("web page", Fault::Garbage),
        ("truncated", Fault::CutShort),
        ("empty", Fault::status(200)),
        (
            "redirect",
            Fault::Status(302, vec![("location".to_owned(), "http://127.0.0.1:9/".to_owned())], String::new()),
        ),
    ];
    let cells = faults.map(|(name, fault)| async move {
        let harness = Harness::start().await;
        for vault in [Vault::Down, Vault::Flapping] {
            for clients in [2, 8, 16] {
                let answered = under_load(&harness, &fault, vault, clients).await;
                assert!(answered >= clients, "{name}, {vault:?}, {clients} clients: {answered} answers");
                recover(&harness, &format!("{name}, {vault:?}, {clients} clients")).await;
            }
        }
    });
    join_all(cells).await;
}

/// Lets `clients` call repeatedly while the vault fails. Every second one has a forged token.
async fn under_load(harness: &Harness, fault: &Fault, vault: Vault, clients: usize) -> usize {
    let (valid, forged) = (harness.token("ada"), harness.token_with("ada", |plan| plan.signing = Signing::ForgedKey));
    let faults = harness.api.tenant.faults();
    match vault {
        Vault::Down => faults.set(Endpoint::VaultSecret, fault.clone()),
        Vault::Flapping => faults.set_every(Endpoint::VaultSecret, fault.clone(), 2),
    }
    // No instance has the secret yet.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let started = Instant::now();
    let answered = join_all((0..clients).map(|client| {
        let token = if client % 2 == 0 { &valid } else { &forged };
        async move {
            let mut answered = 0;
            while started.elapsed() < LOAD {
                let answer = tokio::time::timeout(PATIENCE, harness.get(token)).await.expect("a request was stranded");
                let well = if client % 2 == 0 { 200 } else { 401 };
                // While the host still resolves variables, there is no upstream call, but the component cannot see
                // that.
                let is_fitting = answer.status == well || matches!(answer.status, 503 | 504);
                assert!(is_fitting, "{answer:?}");
                answered += 1;
            }
            answered
        }
    }))
    .await;
    faults.clear();
    answered.into_iter().sum()
}

async fn recover(harness: &Harness, what: &str) {
    let started = Instant::now();
    let mut statuses = Vec::new();
    while started.elapsed() < RECOVERY {
        let answer = harness.get_as("ada").await;
        if answer.status == 200 {
            return;
        }
        statuses.push(answer.status);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{what}: no recovery in time: {statuses:?}");
}
