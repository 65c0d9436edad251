//! The guard `entra`: a gateway and a sidecar in front of an app that can be reached in no other way.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use cargo_dev::{component::Component, progress::Progress, workspace};
use embedded_host::{HostOptions, InstanceReuse, LogSink, WallClock};
use emulated_tenant::{Tenant, TenantOptions};
use profile_get_dev::run::{Runner, Server};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
    time::{sleep, timeout},
};
use toml::Table;

/// A guarded app that runs, and a tenant that its guard trusts.
struct Guarded {
    tenant: Tenant,
    server: Server,
    client: Client,
    _folder: TempDir,
}

impl Guarded {
    /// `change` is made to the variables that the manifest gives the guard.
    async fn start(app: Component, change: &[(&str, &str)]) -> Self {
        Self::start_app(&app.build(Progress::default()).await.unwrap(), change).await
    }

    async fn start_app(app: &Path, change: &[(&str, &str)]) -> Self {
        let host = Runner::from_environment().unwrap().find().await.unwrap();
        let guard = Component::Entra.build(Progress::default()).await.unwrap();
        let tenant = Tenant::start(TenantOptions::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();

        let manifest = std::fs::read_to_string(workspace::root().join("examples/rust/spin.toml")).unwrap();
        let mut manifest: Table = manifest.parse().unwrap();
        let components = manifest["component"].as_table_mut().unwrap();
        components["entra"]["source"] = guard.to_str().unwrap().into();
        components["my-api"]["source"] = app.to_str().unwrap().into();
        for (name, value) in change {
            let variables = components["entra"]["variables"].as_table_mut().unwrap();
            variables.insert((*name).to_owned(), (*value).into());
        }
        let path = folder.path().join("spin.toml");
        std::fs::write(&path, toml::to_string(&manifest).unwrap()).unwrap();
        let variables = [
            ("tenant_id", tenant.tenant_id().to_owned()),
            ("client_id", tenant.client_id().to_owned()),
            ("clientsecret", tenant.client_secret()),
            ("authority_host", tenant.authority_url().to_owned()),
            ("graph_url", tenant.graph_url().to_owned()),
        ];
        let options = HostOptions {
            manifest: path,
            runtime_config: None,
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            environment: BTreeMap::new(),
            variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            log: LogSink::Collect,
            reuse: InstanceReuse::default(),
            state_dir: folder.path().join("state"),
            cache_dir: workspace::compiled(),
            clock: WallClock::default(),
            direct_mounts: false,
        };
        let server = host.serve(options).await.unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        Self { tenant, server, client, _folder: folder }
    }

    fn token(&self, name: &str) -> String {
        self.tenant.access_token(self.tenant.person(name).unwrap(), |_| {})
    }

    async fn get(&self, target: &str, token: Option<&str>) -> (StatusCode, String) {
        let mut request = self.client.get(format!("{}{target}", self.server.url()));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// Bytes as they are, and the first that come back.
    async fn raw(&self, bytes: &str) -> String {
        let address = self.server.url().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        let _ = timeout(Duration::from_secs(10), stream.read_to_end(&mut read)).await;
        String::from_utf8_lossy(&read).into_owned()
    }
}

/// An example that is built by the tools of its language, which are fetched once into `target/examples`. `None` where the
/// machine does not have the language, or cannot reach its registry.
async fn build_example(language: &str, script: &str, built: &str) -> Option<PathBuf> {
    let folder = workspace::target().join("examples").join(language);
    std::fs::create_dir_all(&folder).unwrap();
    let source = workspace::root().join("examples").join(language);
    let script = format!("set -e; cp -a '{}'/. .; {script}", source.display());
    let output = Command::new("bash").args(["-c", &script]).current_dir(&folder).output().await.unwrap();
    if !output.status.success() {
        eprintln!(
            "skipped: the example in {language} cannot be built here: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        return None;
    }
    Some(folder.join(built))
}

#[tokio::test]
async fn an_app_in_javascript_is_guarded_as_well() {
    let script = "test -d node_modules || npm install --no-audit --no-fund; npm run build";
    let Some(app) = build_example("javascript", script, "dist/guarded-javascript.wasm").await else { return };
    greets_and_reads(&Guarded::start_app(&app, &[]).await).await;
}

#[tokio::test]
async fn an_app_in_python_is_guarded_as_well() {
    // A virtual environment knows its own path, so it does not survive a move of the workspace.
    let script = "grep -qsF \"$PWD/.venv\" .venv/bin/activate || python3 -m venv --clear .venv; \
                  . .venv/bin/activate; pip install -q -r requirements.txt; \
                  test app.wasm -nt app.py && test app.wasm -nt requirements.txt || \
                  { rm -f app.wasm; componentize-py -w spin:up/http-trigger@4.1.0 componentize app -o app.wasm; }";
    let Some(app) = build_example("python", script, "app.wasm").await else { return };
    greets_and_reads(&Guarded::start_app(&app, &[]).await).await;
}

#[tokio::test]
async fn an_app_greets_its_caller_and_reads_their_profile() {
    let guarded = Guarded::start(Component::RustExample, &[]).await;
    greets_and_reads(&guarded).await;
}

async fn greets_and_reads(guarded: &Guarded) {
    let ada = guarded.token("ada");
    let person = guarded.tenant.person("ada").unwrap();
    let (status, text) = guarded.get("/", Some(&ada)).await;
    assert_eq!(
        (status, text.starts_with("Hello, ")),
        (StatusCode::OK, true),
        "{text} {:?}",
        guarded.server.log_lines()
    );
    let (status, text) = guarded.get("/profile", Some(&ada)).await;
    let profile: Value =
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text} {:?}", guarded.server.log_lines()));
    assert_eq!((status, &profile["id"]), (StatusCode::OK, &json!(person.object_id)), "{text}");
    // A second factor: the app hands on what the sidecar says, and the caller learns what to do.
    let (status, text) = guarded.get("/profile", Some(&guarded.token("mona"))).await;
    let refusal: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &refusal["code"]), (StatusCode::UNAUTHORIZED, &json!("claims_challenge")));
    assert!(refusal["claims"].is_string());
    // Nobody else, and no other way.
    let (status, text) = guarded.get("/", None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{text}");
}

#[tokio::test]
async fn the_app_sees_whom_the_guard_let_in_and_nothing_that_they_made_up() {
    let change = [("access_token_for", "graph"), ("public_paths", "/open/*"), ("claims_to_headers", "x-user=oid")];
    let guarded = Guarded::start(Component::Probe, &change).await;
    let ada = guarded.token("ada");
    let person = guarded.tenant.person("ada").unwrap().object_id.to_string();
    let spoofed =
        ["x-ms-client-principal-id", "x-ms-token-aad-access-token", "x_ms_client_principal_id", "x-user", "x_user"];
    for (target, token) in [("/seen?a=%2F", Some(&ada)), ("/open/seen", None)] {
        let mut request = guarded.client.get(format!("{}{target}", guarded.server.url()));
        for name in spoofed {
            request = request.header(name, "spoofed");
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let text = request.send().await.unwrap().text().await.unwrap();
        let seen: Value =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text} {:?}", guarded.server.log_lines()));
        assert_eq!(seen["target"], target);
        let values = |name: &str| -> Vec<String> {
            let headers = seen["headers"].as_array().unwrap().iter().filter(|header| header[0] == name);
            headers.map(|header| header[1].as_str().unwrap().to_owned()).collect()
        };
        assert!(!text.contains("spoofed"), "{text}");
        let expected: &[String] = if token.is_some() { std::slice::from_ref(&person) } else { &[] };
        assert_eq!((values("x-ms-client-principal-id"), values("x-user")), (expected.to_vec(), expected.to_vec()));
        assert_eq!(values("x-ms-token-aad-access-token").len(), expected.len());
        assert_eq!(values("spin-full-url").len(), 1, "{text}");
    }
    // The app's own code cannot read what the guard knows.
    let (_, text) = guarded.get("/secret", Some(&ada)).await;
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        json!({"client_secret": null, "clientsecret": null, "tenant_id": null})
    );
    assert!(!guarded.tenant.client_secret().is_empty() && !text.contains(&guarded.tenant.client_secret()));
}

#[tokio::test]
async fn bodies_pass_in_both_directions_as_they_arrive() {
    let guarded = Guarded::start(Component::Probe, &[]).await;
    let ada = guarded.token("ada");
    let url = format!("{}/echo", guarded.server.url());
    for bytes in [0, 1, 100_000, 5_000_000] {
        let body: Vec<u8> = (0..bytes).map(|index: u32| (index % 251).try_into().unwrap()).collect();
        let response = guarded.client.post(&url).bearer_auth(&ada).body(body.clone()).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{:?}", guarded.server.log_lines());
        assert!(response.bytes().await.unwrap() == body, "{bytes} bytes");
    }
    // A piece comes back before the next is sent.
    let address = guarded.server.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /echo HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {ada}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut seen = String::new();
    for piece in ["one", "two", "three"] {
        stream.write_all(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).await.unwrap();
        timeout(Duration::from_secs(10), async {
            while !seen.contains(piece) {
                let mut buffer = [0; 1024];
                let read = stream.read(&mut buffer).await.unwrap();
                assert_ne!(read, 0, "{seen}");
                seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{piece} did not come back: {seen} {:?}", guarded.server.log_lines()));
    }
    stream.write_all(b"0\r\nx-sum: 1\r\n\r\n").await.unwrap();
    timeout(Duration::from_secs(10), async {
        while !seen.ends_with("\r\n\r\n") || !seen.contains("\r\n0\r\n") {
            let mut buffer = [0; 1024];
            let read = stream.read(&mut buffer).await.unwrap();
            assert_ne!(read, 0, "{seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    })
    .await
    .unwrap_or_else(|_| panic!("no end: {seen}"));
}

#[tokio::test]
async fn smugglers_reach_no_path_that_was_not_judged() {
    let guarded = Guarded::start(Component::Probe, &[("public_paths", "/open/*")]).await;
    let host = guarded.server.url().trim_start_matches("http://").to_owned();
    let close = "connection: close\r\n\r\n";
    for (what, bytes) in [
        ("dots", format!("GET /open/../seen HTTP/1.1\r\nhost: {host}\r\n{close}")),
        ("encoded dots", format!("GET /open/%2e%2e/seen HTTP/1.1\r\nhost: {host}\r\n{close}")),
        ("encoded slash", format!("GET /open/..%2fseen HTTP/1.1\r\nhost: {host}\r\n{close}")),
        ("twice encoded", format!("GET /open/%252e%252e/seen HTTP/1.1\r\nhost: {host}\r\n{close}")),
        ("absolute form", format!("GET http://{host}/seen HTTP/1.1\r\nhost: {host}\r\n{close}")),
        ("the app's own host", format!("GET /seen HTTP/1.1\r\nhost: my-api.spin.internal\r\n{close}")),
        ("the sidecar's host", format!("GET /Validate HTTP/1.1\r\nhost: entra.spin.internal\r\n{close}")),
        (
            "two lengths",
            format!(
                "POST /open/seen HTTP/1.1\r\nhost: {host}\r\ncontent-length: 1\r\ncontent-length: 50\r\n{close}xGET /seen HTTP/1.1\r\nhost: x\r\n\r\n"
            ),
        ),
        (
            "a folded line",
            format!(
                "GET /open/seen HTTP/1.1\r\nhost: {host}\r\nx-a: b\r\n x-ms-client-principal-id: spoofed\r\n{close}"
            ),
        ),
        (
            "a claimed address",
            format!("GET /Validate HTTP/1.1\r\nhost: {host}\r\nspin-client-addr: 0.0.0.0:0\r\n{close}"),
        ),
    ] {
        let answer = guarded.raw(&bytes).await;
        let head = answer.lines().next().unwrap_or_default();
        let is_refused = ["400", "401", "404", "500", "501"].iter().any(|status| head.contains(status));
        // Spin closes some connections without a word.
        assert!((is_refused || answer.is_empty()) && !answer.contains("\"target\""), "{what}: {answer}");
    }
    // The embedded host's wasmtime is newer than that of Spin 4.1, and removes the header before the guard sees it.
    let upgrade = format!("GET /open/seen HTTP/1.1\r\nhost: {host}\r\nupgrade: websocket\r\n{close}");
    let answer = guarded.raw(&upgrade).await;
    let status = if matches!(guarded.server, Server::Embedded(_)) { "200" } else { "501" };
    assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && !answer.contains("websocket"), "{answer}");
    // A length and chunks: whoever read the one would take the rest for another request.
    let both = format!(
        "POST /open/seen HTTP/1.1\r\nhost: {host}\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /seen HTTP/1.1\r\nhost: {host}\r\n{close}"
    );
    let answer = guarded.raw(&both).await;
    assert!(!answer.contains("\"/seen\""), "{answer}");
}

#[tokio::test]
async fn an_app_that_traps_harms_no_other_request_and_none_of_the_guards_caches() {
    let guarded = Guarded::start(Component::Probe, &[("access_token_for", "graph")]).await;
    let ada = guarded.token("ada");
    assert_eq!(guarded.get("/seen", Some(&ada)).await.0, StatusCode::OK);
    let before = guarded.tenant.requests().len();
    let slow = async {
        let response = guarded.client.post(format!("{}/echo", guarded.server.url())).bearer_auth(guarded.token("ada"));
        response.body("still here").send().await.unwrap().text().await.unwrap()
    };
    let trap = async {
        sleep(Duration::from_millis(1)).await;
        guarded
            .client
            .request(Method::GET, format!("{}/trap", guarded.server.url()))
            .bearer_auth(&ada)
            .send()
            .await
            .unwrap()
    };
    let (_echo, trapped) = tokio::join!(slow, trap);
    assert!(trapped.status().is_server_error(), "{}", trapped.status());
    for _ in 0..10 {
        assert_eq!(guarded.get("/seen", Some(&ada)).await.0, StatusCode::OK);
    }
    // Neither keys nor the token were fetched anew.
    let asked: Vec<_> = guarded.tenant.requests().into_iter().skip(before).collect();
    assert!(asked.len() <= 1, "{asked:?}");
}
