//! The same API as a native server, which is the example of `entra-obo`: its responses are the component's.

use std::{env, path::PathBuf, process::Stdio, time::Duration};

use cargo_dev::{programs::output_of, workspace};
use emulated_tenant::Tenant;
use profile_get_dev::{
    bound_command::{self, Lifeline},
    run::native_server,
};
use reqwest::Method;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::harness::Harness;

/// How long a started server may take to listen.
const START_LIMIT: Duration = Duration::from_secs(20);

const METADATA: &str = "/.well-known/oauth-protected-resource/api/profile-get";

#[tokio::test(flavor = "multi_thread")]
async fn a_native_server_responds_as_the_component_does() {
    let harness = Harness::start().await;
    let native = NativeServer::start(&harness.api.tenant).await;
    let forged = {
        let (own, other) = (harness.token("ada"), harness.token("blake"));
        let signature_of = |token: &str| token.rfind('.').unwrap();
        own[..signature_of(&own)].to_owned() + &other[signature_of(&other)..]
    };
    let cases = [
        ("ada", 200, Some(harness.token("ada"))),
        ("mona", 401, Some(harness.token("mona"))),
        ("connie", 403, Some(harness.token("connie"))),
        ("blake", 403, Some(harness.token("blake"))),
        ("rhea", 401, Some(harness.token("rhea"))),
        ("lou", 503, Some(harness.token("lou"))),
        ("no token", 401, None),
        ("not a token", 401, Some("not.a.token".to_owned())),
        ("a forged token", 401, Some(forged)),
        ("another audience", 401, Some(harness.token_with("ada", |plan| plan.set("aud", "another-api")))),
        ("no scope", 403, Some(harness.token_with("ada", |plan| plan.remove("scp")))),
    ];
    for (what, status, token) in cases {
        let request = |url: &str| {
            let request = harness.request_to(url, Method::GET, "/api/profile-get");
            if let Some(token) = &token { request.bearer_auth(token) } else { request }
        };
        let by_component = harness.send(request(harness.api.server.url())).await;
        let by_server = harness.send(request(&native.url)).await;
        assert_eq!((by_server.status, by_component.status), (status, status), "{what}: {by_server:?} {by_component:?}");
        // A tenant that varies its responses gives two different profiles.
        if status != 200 || !Harness::varies() {
            let by_server = harness.snapshot(&by_server).replace(&native.url, "<api>");
            assert_eq!(by_server, harness.snapshot(&by_component), "{what}");
        }
    }
    // What a client reads that knows only the address.
    let metadata = |url: &str| harness.request_to(url, Method::GET, METADATA);
    let by_component = harness.send(metadata(harness.api.server.url())).await.json();
    let by_server = harness.send(metadata(&native.url)).await.json();
    assert_eq!(by_server["resource"], format!("{}/api/profile-get", native.url));
    for member in ["authorization_servers", "scopes_supported", "bearer_methods_supported"] {
        assert_eq!(by_server[member], by_component[member], "{member}");
    }
}

/// The running example. Dropping it ends it.
struct NativeServer {
    url: String,
    _child: Child,
    _lifeline: Lifeline,
    _directory: TempDir,
}

impl NativeServer {
    async fn start(tenant: &Tenant) -> Self {
        let mut command = native_server(&build().await, tenant);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let directory = tempfile::tempdir().unwrap();
        if let Some(authority) = tenant.authority_pem() {
            let file = directory.path().join("authority.pem");
            std::fs::write(&file, authority).unwrap();
            command.env("SSL_CERT_FILE", file);
        }
        let (mut child, lifeline) = bound_command::spawn(&mut command).unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(START_LIMIT, lines.next_line()).await.expect("it listens in time").unwrap();
        let line = line.expect("it listens");
        let url = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { url, _child: child, _lifeline: lifeline, _directory: directory }
    }
}

/// What `cargo dev check` has built, or what cargo builds now.
async fn build() -> PathBuf {
    if let Some(built) = env::var_os("PROFILE_GET_NATIVE_SERVER") {
        return built.into();
    }
    let mut cargo = Command::new(workspace::cargo());
    cargo
        // The selection of `cargo test --workspace` with the example, so that nothing is compiled again.
        .args(["build", "--workspace", "--features=entra-obo/rustls", "--example=axum", "--target-dir"])
        .arg(workspace::target())
        .current_dir(workspace::root());
    output_of(&mut cargo).await.unwrap();
    workspace::target().join("debug/examples/axum")
}
