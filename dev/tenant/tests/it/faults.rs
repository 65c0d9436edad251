//! The fault dial and the journal.

use std::time::{Duration, Instant};

use emulated_tenant::{Endpoint, Fault, Tenant};
use http::Method;

use crate::client::{Answer, exchange_for, graph_token, me, start, try_send};

#[tokio::test]
async fn a_status_comes_with_its_headers_and_body() {
    let tenant = start().await;
    let headers = vec![("retry-after".into(), "9".into()), ("content-type".into(), "text/plain".into())];
    tenant.faults().set(Endpoint::Token, Fault::Status(503, headers, "{}".into()));
    let answer = exchange_for(&tenant, "ada").await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after"), &answer.body[..]), (503, Some("9"), &b"{}"[..]));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    tenant.faults().clear();
    assert_eq!(exchange_for(&tenant, "ada").await.status, 200);
}

#[tokio::test]
async fn a_fault_for_one_time_passes() {
    let tenant = start().await;
    tenant.faults().set_times(Endpoint::Token, Fault::status(500), 1);
    assert_eq!(exchange_for(&tenant, "ada").await.status, 500);
    assert_eq!(exchange_for(&tenant, "ada").await.status, 200);
}

#[tokio::test]
async fn connections_break_where_the_fault_says() {
    let tenant = start().await;
    tenant.faults().set(Endpoint::OpenIdConfiguration, Fault::HangUp);
    assert!(try_configuration(&tenant).await.is_err());
    tenant.faults().set(Endpoint::OpenIdConfiguration, Fault::CutShort);
    assert!(try_configuration(&tenant).await.is_err());
    tenant.faults().set(Endpoint::OpenIdConfiguration, Fault::Silence);
    assert!(tokio::time::timeout(Duration::from_millis(100), try_configuration(&tenant)).await.is_err());
    tenant.faults().clear();
    assert_eq!(try_configuration(&tenant).await.unwrap().status, 200);
}

#[tokio::test]
async fn bodies_are_odd_where_the_fault_says() {
    let tenant = start().await;
    let normal = try_configuration(&tenant).await.unwrap();
    tenant.faults().set(Endpoint::OpenIdConfiguration, Fault::Garbage);
    let garbage = try_configuration(&tenant).await.unwrap();
    assert!(garbage.status == 200 && serde_json::from_slice::<serde_json::Value>(&garbage.body).is_err());
    tenant.faults().set(Endpoint::OpenIdConfiguration, Fault::HugeBody(5_000_000));
    assert_eq!(try_configuration(&tenant).await.unwrap().body.len(), 5_000_000);
    let drip = Fault::DripBody { bytes: 400, pause: Duration::from_millis(5) };
    tenant.faults().set(Endpoint::OpenIdConfiguration, drip);
    let started = Instant::now();
    assert_eq!(try_configuration(&tenant).await.unwrap().body, normal.body);
    let pieces = u32::try_from(normal.body.len() / 400).unwrap();
    assert!(started.elapsed() >= Duration::from_millis(5) * pieces);
}

#[tokio::test]
async fn a_delay_delays() {
    let tenant = start().await;
    tenant.faults().set(Endpoint::OpenIdConfiguration, Fault::Delay(Duration::from_millis(60)));
    let started = Instant::now();
    assert_eq!(try_configuration(&tenant).await.unwrap().status, 200);
    assert!(started.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn the_journal_has_what_was_sent_but_does_not_print_values() {
    let tenant = start().await;
    let token = graph_token(&exchange_for(&tenant, "ada").await);
    me(&tenant, &token).await;
    let requests = tenant.requests();
    let endpoints: Vec<_> = requests.iter().map(|request| request.endpoint).collect();
    assert_eq!(endpoints, [Endpoint::Token, Endpoint::GraphMe]);
    assert_eq!(requests[0].method, "POST");
    assert_eq!(requests[0].path_and_query, format!("/{}/oauth2/v2.0/token", tenant.tenant_id()));
    assert_eq!(requests[0].field("requested_token_use"), Some("on_behalf_of"));
    assert!(requests[0].header("content-length").is_some());
    assert_eq!(requests[1].header("authorization"), Some(format!("Bearer {token}").as_str()));
    let printed = format!("{requests:?}");
    assert!(!printed.contains(&tenant.client_secret()) && !printed.contains(&token));
    tenant.clear_requests();
    assert!(tenant.requests().is_empty());
}

#[tokio::test]
async fn a_dropped_tenant_no_longer_listens() {
    let tenant = start().await;
    let url = tenant.authority_url().to_owned();
    drop(tenant);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(try_send(Method::GET, &url, &[], "").await.is_err());
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let tenant = start().await;
    let port = tenant.authority_url().rsplit(':').next().unwrap().parse().unwrap();
    let options = emulated_tenant::TenantOptions { entra_port: port, ..Default::default() };
    let error = Tenant::start(options).await.err().unwrap().to_string();
    assert!(error.contains(&port.to_string()), "{error}");
}

async fn try_configuration(tenant: &Tenant) -> anyhow::Result<Answer> {
    let url = format!("{}/{}/v2.0/.well-known/openid-configuration", tenant.authority_url(), tenant.tenant_id());
    try_send(Method::GET, &url, &[], "").await
}
