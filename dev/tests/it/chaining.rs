//! Several components in one application: their routes, and the requests that they send to each other. No tenant.

use std::fs;

use bytes::Bytes;
use cargo_dev::{component::Component, progress::Progress};
use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::{Request, Response, StatusCode, body::Frame};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use profile_get_dev::run::{AvailableRunner, HostOptions, Runner, Server};
use serde_json::{Value, json};
use tempfile::TempDir;

/// `front` may call `back`, which has no public route, and nothing else. `other` may call nobody.
const MANIFEST: &str = r#"
spin_manifest_version = 2
[application]
name = "chaining"
[[trigger.http]]
route = "/..."
component = "front"
[[trigger.http]]
route = "/other/..."
component = "other"
[[trigger.http]]
route = "/other/exact"
component = "front"
[[trigger.http]]
route = { private = true }
component = "back"
[component.front]
source = "probe.wasm"
allowed_outbound_hosts = ["http://back.spin.internal"]
variables = { tenant_id = "of the front" }
[component.other]
source = "probe.wasm"
[component.back]
source = "probe.wasm"
variables = { client_secret = "of the back" }
"#;

/// The application of [`MANIFEST`], each of whose components is the probe.
struct Application {
    server: Server,
    client: Client<HttpConnector, Frames>,
    _folder: TempDir,
}

type Frames = StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, std::convert::Infallible>>>>;

impl Application {
    async fn start() -> Self {
        let runner = AvailableRunner::find(Runner::from_environment().unwrap(), Progress::default()).await.unwrap();
        let probe = Component::Probe.build(Progress::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::copy(probe, folder.path().join("probe.wasm")).unwrap();
        let manifest = folder.path().join("spin.toml");
        fs::write(&manifest, MANIFEST).unwrap();
        let options = HostOptions::new(manifest, folder.path().join("state"));
        let server = runner.serve(options).await.unwrap();
        // HTTP/2, where trailers need no permission.
        let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
        Self { server, client, _folder: folder }
    }

    async fn send(&self, path: &str, frames: Vec<Frame<Bytes>>) -> Response<hyper::body::Incoming> {
        let frames: Vec<_> = frames.into_iter().map(Ok).collect();
        let request = Request::post(format!("{}{path}", self.server.url())).header("x-name", "value");
        self.client.request(request.body(StreamBody::new(stream::iter(frames))).unwrap()).await.unwrap()
    }

    async fn text(&self, path: &str) -> String {
        let response = self.send(path, Vec::new()).await;
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    async fn seen(&self, path: &str) -> Seen {
        let text = self.text(path).await;
        Seen(serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text} {:?}", self.server.log_lines())))
    }
}

/// A request as the probe describes it.
struct Seen(Value);

impl Seen {
    fn values(&self, name: &str) -> Vec<&str> {
        let headers = self.0["headers"].as_array().unwrap().iter().filter(|header| header[0] == name);
        headers.map(|header| header[1].as_str().unwrap()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_route_counts_and_a_private_one_is_none() {
    let application = Application::start().await;
    for (path, route) in [
        ("/", "/..."),
        ("/seen", "/..."),
        ("/others", "/..."),
        ("/back", "/..."),
        ("/other", "/other/..."),
        ("/other/seen", "/other/..."),
        ("/other/exact", "/other/exact"),
        ("/other/exact/seen", "/other/..."),
    ] {
        assert_eq!(application.seen(path).await.values("spin-raw-component-route"), [route], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_gets_a_chained_request_as_spin_sends_it() {
    let application = Application::start().await;
    let seen = application.seen("/call/back.spin.internal/some/path?a=%2F").await;
    assert_eq!(seen.0["method"], "Method::Post");
    assert_eq!(seen.0["authority"], "back.spin.internal");
    assert_eq!(seen.0["target"], "/some/path?a=%2F");
    for (name, value) in [
        ("x-name", "value"),
        ("spin-client-addr", "0.0.0.0:0"),
        ("spin-path-info", "/some/path"),
        ("spin-full-url", "http://localhost/some/path?a=%2F"),
        ("spin-matched-route", "/..."),
        ("spin-raw-component-route", "/..."),
        ("spin-component-route", ""),
        ("spin-base-path", "/"),
    ] {
        // After the front's own, which it passes on.
        assert_eq!(seen.values(name).last(), Some(&value), "{name}: {}", seen.0);
    }
    assert_eq!(seen.values("host"), [""; 0]);
    // The variables of another component are not there.
    for (path, secret, tenant) in [
        ("/secret", Value::Null, json!("of the front")),
        ("/call/back.spin.internal/secret", json!("of the back"), Value::Null),
    ] {
        let found = application.seen(path).await.0;
        assert_eq!((&found["client_secret"], &found["tenant_id"]), (&secret, &tenant), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_and_trailers_pass_between_components() {
    let application = Application::start().await;
    let mut frames: Vec<_> = (0..100).map(|_| Frame::data(Bytes::from(vec![7; 50_000]))).collect();
    frames.push(Frame::trailers([("x-sum".parse().unwrap(), "7".parse().unwrap())].into_iter().collect()));
    let response = application.send("/call/back.spin.internal/echo", frames).await;
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().and_then(|trailers| trailers.get("x-sum")), Some(&"7".parse().unwrap()));
    assert_eq!(body.to_bytes().len(), 5_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_a_component_does_not_allow_are_denied() {
    let application = Application::start().await;
    for path in [
        "/call/other.spin.internal/seen",
        "/call/back.spin.internal:81/seen",
        "/call/nobody.spin.internal/seen",
        "/other/call/back.spin.internal/seen",
    ] {
        let text = application.text(path).await;
        assert!(text.contains("HttpRequestDenied"), "{path}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_is_an_answer_for_the_caller() {
    let application = Application::start().await;
    for _ in 0..3 {
        let response = application.send("/call/back.spin.internal/trap", Vec::new()).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(application.seen("/call/back.spin.internal/seen").await.0["target"], "/seen");
    }
}
