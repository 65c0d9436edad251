//! The fault dial and the journal.

use std::time::{Duration, Instant};

use emulated_tenant::{Endpoint, Fault, Service, Tenant};
use http::Method;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::client::{Response, exchange_for, graph_token, me, start, try_send};

#[tokio::test]
async fn a_status_comes_with_its_headers_and_body() {
    let tenant = start().await;
    let headers = vec![("retry-after".into(), "9".into()), ("content-type".into(), "text/plain".into())];
    tenant.faults().set(Endpoint::Token, Fault::Status(503, headers, "{}".into()));
    let response = exchange_for(&tenant, "ada").await;
    assert_eq!(
        (response.status.as_u16(), response.header("retry-after"), &response.body[..]),
        (503, Some("9"), &b"{}"[..])
    );
    assert_eq!(response.header("content-type"), Some("text/plain"));
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
    for silent in [Fault::Silence, Fault::HeadThenSilence] {
        tenant.faults().set(Endpoint::OpenIdConfiguration, silent);
        assert!(tokio::time::timeout(Duration::from_millis(100), try_configuration(&tenant)).await.is_err());
    }
    tenant.faults().set(Endpoint::OpenIdConfiguration, Fault::NotHttp);
    assert!(try_configuration(&tenant).await.is_err());
    tenant.faults().clear();
    assert_eq!(try_configuration(&tenant).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_reset_comes_before_the_head_or_within_the_body() {
    let tenant = start().await;
    for (fault, answered) in [(Fault::ResetConnection, 0), (Fault::ResetConnectionInBody, 20)] {
        tenant.faults().set(Endpoint::OpenIdConfiguration, fault.clone());
        let (read, error) = read_raw(&tenant).await;
        assert!(read.len() >= answered, "{fault:?}: {}", String::from_utf8_lossy(&read));
        assert_eq!(error.map(|error| error.kind()), Some(std::io::ErrorKind::ConnectionReset), "{fault:?}");
    }
    tenant.faults().set(Endpoint::OpenIdConfiguration, Fault::HangUp);
    assert!(matches!(read_raw(&tenant).await, (read, None) if read.is_empty()));
}

#[tokio::test]
async fn a_service_refuses_connections_and_takes_them_again() {
    let tenant = start().await;
    for _ in 0..3 {
        tenant.faults().refuse(Service::Entra);
        tokio::time::sleep(Duration::from_millis(20)).await;
        let error = try_configuration(&tenant).await.err().unwrap();
        assert!(format!("{error:?}").contains("Connection refused"), "{error:?}");
        // The others serve on.
        assert!(try_send(Method::GET, tenant.graph_url(), &[], "").await.is_ok());
        tenant.faults().clear();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(try_configuration(&tenant).await.unwrap().status, 200);
    }
    tenant.faults().set(Endpoint::OpenIdConfiguration, Fault::LastAnswer);
    assert_eq!(try_configuration(&tenant).await.unwrap().status, 200);
    assert!(try_configuration(&tenant).await.is_err());
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
    tenant.faults().set(Endpoint::OpenIdConfiguration, Fault::Truncated);
    let truncated = try_configuration(&tenant).await.unwrap();
    assert!(truncated.status == 200 && normal.body.starts_with(&truncated.body));
    assert_eq!(truncated.body.len(), normal.body.len() / 2);
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

/// What a client reads until the connection ends, and how it ends if not in order.
async fn read_raw(tenant: &Tenant) -> (Vec<u8>, Option<std::io::Error>) {
    let address = tenant.authority_url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let path = format!("/{}/v2.0/.well-known/openid-configuration", tenant.tenant_id());
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let error = stream.read_to_end(&mut read).await.err();
    (read, error)
}

async fn try_configuration(tenant: &Tenant) -> anyhow::Result<Response> {
    let url = format!("{}/{}/v2.0/.well-known/openid-configuration", tenant.authority_url(), tenant.tenant_id());
    try_send(Method::GET, &url, &[], "").await
}
