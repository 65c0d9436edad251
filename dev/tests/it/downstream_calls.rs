//! Calls of the app's downstream APIs through the sidecar.

use std::{net::Ipv4Addr, sync::Arc};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use cargo_dev::{component::Component, progress::Progress};
use emulated_tenant::{Endpoint, Setup, Tenant, TenantOptions};
use profile_get_dev::run::GuardedAppOptions;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream},
    net::{TcpListener, TcpStream},
};

use crate::{entra::Guarded, harness::owned};

#[tokio::test(flavor = "multi_thread")]
async fn an_app_calls_two_apis_and_each_gets_its_own_token() {
    let guarded = start_with_orders().await;
    let tenant = Arc::clone(&guarded.app.tenant);
    let (ada, person) = (guarded.token("ada"), tenant.person("ada").unwrap());
    for _ in 0..2 {
        let call = "/call/entra.spin.internal/DownstreamApi/orders?optionsOverride.RelativePath=mine\
                    &optionsOverride.ExtraQueryParameters.top=5&optionsOverride.ExtraHeaderParameters.Prefer=minimal";
        let (status, text) = guarded.get(call, Some(&ada)).await;
        let document: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
        assert_eq!((status, &document["statusCode"]), (StatusCode::OK, &json!(200)), "{text}");
        let seen: Value = serde_json::from_str(document["content"].as_str().unwrap()).unwrap();
        assert_eq!((&seen["target"], &seen["prefer"]), (&json!("/v2/mine?top=5"), &json!("minimal")));
        let claims = &seen["claims"];
        let audience = claims["aud"].as_str().unwrap();
        assert!(["api://orders", "1d4c9c5e-0b5e-4b7f-9a0a-5f2d7c1e8b03"].contains(&audience), "{claims}");
        assert_eq!((&claims["oid"], &claims["scp"]), (&json!(person.object_id), &json!("Orders.Read")));
        let graph = "/call/entra.spin.internal/DownstreamApi/graph?optionsOverride.RelativePath=me";
        let (status, text) = guarded.get(graph, Some(&ada)).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        assert!(text.contains(&*person.object_id), "{text}");
    }
    assert_eq!(tenant.requests().iter().filter(|request| request.endpoint == Endpoint::Token).count(), 2);
}

/// In both directions more than the sidecar holds, and more than an instance would bear many times.
#[tokio::test(flavor = "multi_thread")]
async fn long_bodies_of_a_downstream_call_are_passed_on() {
    const BYTES: usize = 20_000_000;
    let guarded = start_with_orders().await;
    let call = format!("{}/call/entra.spin.internal/DownstreamApi/orders", guarded.app.server.url());
    let token = guarded.token("ada");
    for _ in 0..3 {
        let upload = guarded.client.post(&call).bearer_auth(&token).body(vec![7; BYTES]).send().await.unwrap();
        let document: Value = upload.json().await.unwrap();
        let seen: Value = serde_json::from_str(document["content"].as_str().unwrap_or_default()).unwrap_or_default();
        assert_eq!(
            (&document["statusCode"], &seen["bytes"]),
            (&json!(200), &json!(BYTES)),
            "{document} {:?}",
            guarded.app.server.log_lines()
        );

        let download = format!("{call}?optionsOverride.RelativePath=export/{BYTES}");
        let document: Value =
            guarded.client.get(download).bearer_auth(&token).send().await.unwrap().json().await.unwrap();
        let content = STANDARD.decode(document["contentBase64"].as_str().unwrap()).unwrap();
        assert!(document["statusCode"] == 200 && content == vec![9; BYTES], "{} bytes", content.len());
    }
}

/// The probe and a guard that knows two APIs.
async fn start_with_orders() -> Guarded {
    let setup = "[[application]]\nname = \"Orders API\"\nclient_id = \"1d4c9c5e-0b5e-4b7f-9a0a-5f2d7c1e8b03\"\n\
                 id_uri = \"api://orders\"\nscopes = [\"Orders.Read\"]\npre_authorized = [\"profile-get\"]";
    let setup = Setup::from_toml(setup).unwrap();
    let tenant = Arc::new(Tenant::start_with(TenantOptions::default(), setup).await.unwrap());
    let orders = serve_orders().await;
    let downstream = format!(
        "graph = {}/v1.0 https://graph.microsoft.com/User.Read\norders = {orders}/v2 api://orders/Orders.Read",
        tenant.graph_url()
    );
    let app = Component::Probe.build(Progress::default()).await.unwrap();
    let options = GuardedAppOptions {
        tenant: Some(Arc::clone(&tenant)),
        outbound_hosts: vec![orders],
        guard_variables: owned(&[("downstream_apis", &downstream)]),
        ..GuardedAppOptions::default()
    };
    Guarded::start_with(&app, options).await
}

/// Another API, which answers with what it received.
async fn serve_orders() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_orders(stream));
        }
    });
    url
}

async fn answer_orders(stream: TcpStream) -> Option<()> {
    let mut stream = BufStream::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).await.ok()? > 0 {}
    let line = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    let target = head.split(' ').nth(1)?;
    if let Some(bytes) = target.strip_prefix("/v2/export/") {
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await.ok()?;
        stream.write_all(&vec![9; bytes.parse().ok()?]).await.ok()?;
        return stream.shutdown().await.ok();
    }
    let length = line("content-length: ").map_or(Some(0), |length| length.parse().ok())?;
    let bytes = tokio::io::copy(&mut (&mut stream).take(length), &mut tokio::io::sink()).await.ok()?;
    let claims = URL_SAFE_NO_PAD.decode(line("authorization: Bearer ")?.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let body = json!({"target": target, "prefer": line("prefer: "), "claims": claims, "bytes": bytes}).to_string();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}
