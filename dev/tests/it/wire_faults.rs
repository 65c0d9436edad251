//! Faults below HTTP: TLS, HTTP/2 frames, closed connections.

use std::time::{Duration, Instant};

use emulated_tenant::{
    ConnectionFault::{self, *},
    EndlessFrames::*,
    Endpoint, Fault, ResetCode, Service,
};
use futures::future::join_all;

use crate::harness::{ApiResponse, Harness};

/// `request_timeout` in seconds, and the limit for a response.
const REQUEST_TIMEOUT: &str = "3";
const LONGEST_ANSWER: Duration = Duration::from_secs(5);
const LONGEST_RECOVERY: Duration = Duration::from_secs(5);

const CODES: [ResetCode; 5] = [
    ResetCode::RefusedStream,
    ResetCode::InternalError,
    ResetCode::Cancel,
    ResetCode::EnhanceYourCalm,
    ResetCode::ProtocolError,
];
const CALLS: [Endpoint; 4] = [Endpoint::OpenIdConfiguration, Endpoint::KeySet, Endpoint::Token, Endpoint::GraphMe];

/// The expected outcome of a request.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    Unreachable,
    Late,
    /// One of them, depending on the host's HTTP client.
    UnreachableOrLate,
}

use Outcome::*;

const SLOWLY: Duration = Duration::from_millis(100);
/// The client may close the connection.
const AT_ONCE: Duration = Duration::ZERO;

const CONNECTIONS: [(ConnectionFault, Outcome); 22] = [
    (HangUp, Unreachable),
    (Gibberish, Unreachable),
    (Alert, Unreachable),
    (ExpiredCertificate, Unreachable),
    (ForeignCertificate, Unreachable),
    (MisnamedCertificate, Unreachable),
    (SlowHandshake(Duration::from_secs(60)), Late),
    (GoAway(ResetCode::NoError), Unreachable),
    (GoAway(ResetCode::EnhanceYourCalm), Unreachable),
    (Endless(EmptyData, Duration::from_millis(400)), Late),
    (Endless(InterimAnswers, SLOWLY), UnreachableOrLate),
    (Endless(EmptyContinuation, SLOWLY), UnreachableOrLate),
    (Endless(Pings, SLOWLY), Late),
    (Endless(Settings, SLOWLY), Late),
    (Endless(WindowUpdates, SLOWLY), Late),
    (Endless(UnknownFrames, SLOWLY), Late),
    (Endless(EmptyData, AT_ONCE), UnreachableOrLate),
    (Endless(InterimAnswers, AT_ONCE), UnreachableOrLate),
    (Endless(EmptyContinuation, AT_ONCE), UnreachableOrLate),
    (Endless(Pings, AT_ONCE), UnreachableOrLate),
    (Endless(Settings, AT_ONCE), UnreachableOrLate),
    (Endless(WindowUpdates, AT_ONCE), UnreachableOrLate),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_breaks_once_is_made_again() {
    for fault in CODES.into_iter().flat_map(|code| [Fault::Reset(code), Fault::ResetInBody(code)]) {
        let harness = Harness::start().await;
        for endpoint in CALLS {
            harness.api.tenant.faults().set_times(endpoint, fault.clone(), 1);
        }
        let answer = harness.get_as("ada").await;
        assert_eq!(answer.status, 200, "{fault:?}: {answer:?}");
        assert_eq!(CALLS.map(|endpoint| harness.count(endpoint)), [2; 4], "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_always_breaks_is_answered_and_passes() {
    let harness = Harness::start().await;
    for fault in CODES.into_iter().flat_map(|code| [Fault::Reset(code), Fault::ResetInBody(code)]) {
        for endpoint in [Endpoint::Token, Endpoint::GraphMe] {
            harness.api.tenant.faults().set(endpoint, fault.clone());
            let service = if endpoint == Endpoint::Token { Service::Entra } else { Service::Graph };
            is_met_and_passes(&harness, &format!("{endpoint:?} {fault:?}"), service, Unreachable).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_goes_wrong_is_answered_and_passes() {
    let both = [Service::Entra, Service::Graph].map(|service| async move {
        let harness = Harness::with_component_variables(&[("request_timeout", REQUEST_TIMEOUT)]).await;
        let over_tls = harness.api.tenant.authority_pem().is_some();
        // After this, the host has its token for the vault and the component has the keys.
        assert_eq!(harness.get_as("ada").await.status, 200);
        for (fault, outcome) in CONNECTIONS {
            if over_tls || matches!(fault, HangUp | Gibberish) {
                harness.api.tenant.faults().set_connections(service, fault);
                is_met_and_passes(&harness, &format!("{service:?} {fault:?}"), service, outcome).await;
            }
        }
    });
    join_all(both).await;
}

/// One request and then several at once get the `outcome` in time. After the fault, everything works again.
async fn is_met_and_passes(harness: &Harness, what: &str, service: Service, outcome: Outcome) {
    for clients in [1, 8] {
        let started = Instant::now();
        for answer in newcomers(harness, clients).await {
            let service = if service == Service::Entra { "entra" } else { "graph" };
            let unreachable = (answer.status, answer.code()) == (502, format!("{service}_unreachable"));
            let late = (answer.status, answer.code().as_str()) == (504, "request_timeout");
            let expected = match outcome {
                Unreachable => unreachable,
                Late => late,
                UnreachableOrLate => unreachable || late,
            };
            assert!(expected, "{what}, {clients} clients: {outcome:?} was expected of {answer:?}");
        }
        assert!(started.elapsed() < LONGEST_ANSWER, "{what}, {clients} clients: {:?}", started.elapsed());
    }
    harness.api.tenant.faults().clear();
    let started = Instant::now();
    for answer in newcomers(harness, 1).await {
        assert_eq!(answer.status, 200, "{what}, over: {answer:?}");
    }
    assert!(started.elapsed() < LONGEST_RECOVERY, "{what}, over: {:?}", started.elapsed());
}

/// The responses for new people, each of whom needs an exchange, all at the same time.
async fn newcomers(harness: &Harness, number: usize) -> Vec<ApiResponse> {
    let tenant = &harness.api.tenant;
    let tokens: Vec<String> =
        tenant.add_members(number).iter().map(|person| tenant.access_token(person, |_| {})).collect();
    join_all(tokens.iter().map(|token| harness.get(token))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_goes_wrong_once_is_not_noticed() {
    let harness = Harness::start().await;
    assert_eq!(harness.get_as("ada").await.status, 200);
    for fault in
        [HangUp, Gibberish, Alert, ForeignCertificate, GoAway(ResetCode::NoError), GoAway(ResetCode::EnhanceYourCalm)]
    {
        for service in [Service::Entra, Service::Graph] {
            harness.api.tenant.faults().set_connections_times(service, fault, 1);
            for answer in newcomers(&harness, 1).await {
                assert_eq!(answer.status, 200, "{service:?} {fault:?}: {answer:?}");
            }
        }
    }
    // A slow handshake is not a fault.
    harness.api.tenant.faults().set_connections(Service::Graph, SlowHandshake(Duration::from_secs(1)));
    assert_eq!(harness.get_as("ada").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_end_under_load_are_not_noticed() {
    let harness = Harness::start().await;
    assert_eq!(harness.get_as("ada").await.status, 200);
    let faults = harness.api.tenant.faults();
    let rounds = async |what: &str| {
        for round in 0..5 {
            for answer in newcomers(&harness, 12).await {
                assert_eq!(answer.status, 200, "{what}, round {round}: {answer:?}");
            }
        }
    };
    // The connection is closed after each response while other requests are in progress on it.
    for endpoint in [Endpoint::Token, Endpoint::GraphMe] {
        faults.set(endpoint, Fault::LastOnConnection);
    }
    rounds("the last on its connection").await;
    faults.clear();
    // All requests of a connection are refused at once.
    for service in [Service::Entra, Service::Graph] {
        faults.set_connections_times(service, GoAway(ResetCode::NoError), 1);
        rounds("refused by GOAWAY").await;
    }
    faults.clear();
    // Connections close while requests are in progress.
    let closing = async {
        for service in [Service::Entra, Service::Graph].into_iter().cycle() {
            tokio::time::sleep(Duration::from_millis(700)).await;
            faults.close_connections(service);
        }
    };
    tokio::select! {
        () = rounds("closed in progress") => {}
        () = closing => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_close_while_they_are_idle_are_not_noticed() {
    let harness = Harness::start().await;
    assert_eq!(harness.get_as("ada").await.status, 200);
    let faults = harness.api.tenant.faults();
    // The next request comes just before they close, at the same time and just after.
    for milliseconds in 0..20 {
        let idle = Duration::from_millis(10);
        for endpoint in [Endpoint::Token, Endpoint::GraphMe] {
            faults.set(endpoint, Fault::CloseAfter(idle));
        }
        for answer in newcomers(&harness, 1).await {
            assert_eq!(answer.status, 200, "{milliseconds} ms: {answer:?}");
        }
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}
