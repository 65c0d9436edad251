//! TLS, HTTP/2 and what can go wrong with them.

use std::{sync::Arc, time::Duration};

use emulated_tenant::{
    ConnectionFault, EndlessFrames, Endpoint, Fault, ResetCode, Service, Tenant, TenantOptions, Wire,
};
use http::{Request, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

type HttpsClient = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

async fn start() -> Tenant {
    Tenant::start(TenantOptions { wire: Wire::Https, ..TenantOptions::default() }).await.unwrap()
}

/// A client that only trusts the tenant's authority and prefers HTTP/2 if that is allowed.
fn client(tenant: &Tenant, may_http2: bool) -> HttpsClient {
    trusting(tenant.authority_pem().unwrap(), may_http2)
}

/// The same for an authority's certificate in PEM.
pub(crate) fn trusting(authority: &str, may_http2: bool) -> HttpsClient {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
        store.add(certificate.unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth();
    let builder = HttpsConnectorBuilder::new().with_tls_config(config).https_only();
    let connector = if may_http2 { builder.enable_all_versions().build() } else { builder.enable_http1().build() };
    Client::builder(TokioExecutor::new()).build(connector)
}

/// The version and the body of the OpenID configuration, or what went wrong, in all words that the client has for it.
async fn configuration(tenant: &Tenant, client: &HttpsClient) -> Result<(Version, Bytes), String> {
    let url = format!("{}/{}/v2.0/.well-known/openid-configuration", tenant.authority_url(), tenant.tenant_id());
    let words = |error: &dyn std::fmt::Debug| format!("{error:?}");
    let response =
        client.request(Request::get(url).body(Empty::new()).unwrap()).await.map_err(|error| words(&error))?;
    let version = response.version();
    let body = response.into_body().collect().await.map_err(|error| words(&error))?;
    Ok((version, body.to_bytes()))
}

#[tokio::test]
async fn both_protocols_are_spoken_under_an_authority_of_ones_own() {
    let tenant = start().await;
    for (may_http2, version) in [(true, Version::HTTP_2), (false, Version::HTTP_11)] {
        let client = client(&tenant, may_http2);
        let (spoken, body) = configuration(&tenant, &client).await.unwrap();
        assert_eq!(spoken, version);
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert!(body["token_endpoint"].as_str().unwrap().starts_with("https://127.0.0.1:"), "{body}");
    }
    let stranger = start().await;
    let error = configuration(&tenant, &client(&stranger, true)).await.unwrap_err();
    assert!(error.contains("UnknownIssuer"), "{error}");
}

#[tokio::test]
async fn each_fault_is_what_it_says() {
    let tenant = start().await;
    let client = client(&tenant, true);
    for (fault, words) in [
        (ConnectionFault::HangUp, "UnexpectedEof"),
        (ConnectionFault::Gibberish, "InvalidMessage"),
        (ConnectionFault::Alert, "HandshakeFailure"),
        (ConnectionFault::ExpiredCertificate, "Expired"),
        (ConnectionFault::ForeignCertificate, "UnknownIssuer"),
        (ConnectionFault::MisnamedCertificate, "NotValidForName"),
        (ConnectionFault::GoAway(ResetCode::EnhanceYourCalm), "ENHANCE_YOUR_CALM"),
    ] {
        // It counts for connections that are open already, too.
        configuration(&tenant, &client).await.unwrap();
        tenant.faults().set_connections(Service::Entra, fault);
        tokio::time::sleep(Duration::from_millis(20)).await;
        let error = configuration(&tenant, &client).await.unwrap_err();
        assert!(error.contains(words), "{fault:?}: {error}");
        tenant.faults().clear();
    }
    for (fault, words) in [
        (Fault::Reset(ResetCode::RefusedStream), "REFUSED_STREAM"),
        (Fault::Reset(ResetCode::Cancel), "CANCEL"),
        (Fault::ResetInBody(ResetCode::InternalError), "INTERNAL_ERROR"),
        (Fault::HangUp, "Error"),
        (Fault::CutShort, "Error"),
    ] {
        tenant.faults().set(Endpoint::OpenIdConfiguration, fault.clone());
        let error = configuration(&tenant, &client).await.unwrap_err();
        assert!(error.contains(words), "{fault:?}: {error}");
        tenant.faults().clear();
        configuration(&tenant, &client).await.unwrap();
    }
}

#[tokio::test]
async fn endless_frames_do_not_end() {
    use EndlessFrames::*;
    let tenant = start().await;
    for frames in [EmptyData, EmptyContinuation, InterimAnswers, Pings, Settings, WindowUpdates, UnknownFrames] {
        let client = client(&tenant, true);
        let fault = ConnectionFault::Endless(frames, Duration::from_millis(60));
        tenant.faults().set_connections(Service::Entra, fault);
        let waited = tokio::time::timeout(Duration::from_millis(300), configuration(&tenant, &client)).await;
        assert!(waited.is_err(), "{frames:?}: {waited:?}");
    }
    tenant.faults().clear();
    configuration(&tenant, &client(&tenant, true)).await.unwrap();
}

#[tokio::test]
async fn without_tls_there_is_no_authority_and_its_faults_are_not_met() {
    let tenant = crate::client::start().await;
    assert_eq!(tenant.authority_pem(), None);
    let url = format!("{}/{}/v2.0/.well-known/openid-configuration", tenant.authority_url(), tenant.tenant_id());
    let get = async || crate::client::try_send(http::Method::GET, &url, &[], "").await;
    tenant.faults().set_connections(Service::Entra, ConnectionFault::ExpiredCertificate);
    assert_eq!(get().await.unwrap().status, 200);
    for fault in [ConnectionFault::HangUp, ConnectionFault::Gibberish] {
        tenant.faults().set_connections_times(Service::Entra, fault, 1);
        let error = format!("{:?}", get().await.err().unwrap());
        assert!(!error.is_empty() && get().await.unwrap().status == 200, "{fault:?}: {error}");
    }
}
