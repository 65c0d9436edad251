//! The guard `entra`: a gateway and a sidecar in front of an app that can be reached in no other way.

use std::{path::Path, time::Duration};

use cargo_dev::{commands::up::Language, component::Component, npm_and_pip::unless_skipped, progress::Progress};
use emulated_tenant::Endpoint;
use profile_get_dev::run::{Example, GuardedApp, GuardedAppOptions, Runner};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::harness::owned;

/// A guarded app and a client.
pub(crate) struct Guarded {
    pub(crate) app: GuardedApp,
    pub(crate) client: Client,
}

impl Guarded {
    /// `change` is made to the variables that the manifest gives the guard.
    pub(crate) async fn start(app: Component, change: &[(&str, &str)]) -> Self {
        Self::start_app(&app.build(Progress::default()).await.unwrap(), None, change).await
    }

    /// For an app at this URL.
    pub(crate) async fn start_for(url: &str, change: &[(&str, &str)]) -> Self {
        let unused = Component::Probe.build(Progress::default()).await.unwrap();
        Self::start_app(&unused, Some(url.to_owned()), change).await
    }

    /// `None`, and a message, where the machine does not have the language, or cannot reach its registry.
    async fn start_example(language: Language) -> Option<Self> {
        let test = format!("the example in {}", language.folder());
        let example = unless_skipped(&test, Example::install(language, Progress::default()).await).unwrap()?;
        let app = example.build(Progress::default()).await.unwrap();
        let options = GuardedAppOptions { example: language, ..GuardedAppOptions::default() };
        Some(Self::start_with(&app, options).await)
    }

    async fn start_app(app: &Path, upstream: Option<String>, change: &[(&str, &str)]) -> Self {
        let options = GuardedAppOptions { upstream, guard_variables: owned(change), ..GuardedAppOptions::default() };
        Self::start_with(app, options).await
    }

    pub(crate) async fn start_with(app: &Path, options: GuardedAppOptions) -> Self {
        let options = GuardedAppOptions { runner: Runner::from_environment().unwrap(), ..options };
        let app = GuardedApp::start(app, options).await.unwrap();
        Self { app, client: Client::builder().no_proxy().build().unwrap() }
    }

    pub(crate) fn token(&self, name: &str) -> String {
        self.app.tenant.access_token(self.app.tenant.person(name).unwrap(), |_| {})
    }

    pub(crate) async fn get(&self, target: &str, token: Option<&str>) -> (StatusCode, String) {
        let mut request = self.client.get(format!("{}{target}", self.app.server.url()));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// Bytes as they are, and the first that come back.
    async fn raw(&self, bytes: &str) -> String {
        let address = self.app.server.url().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        let _ = timeout(Duration::from_secs(10), stream.read_to_end(&mut read)).await;
        String::from_utf8_lossy(&read).into_owned()
    }
}

/// The port is not one that anything listens on: a call that were allowed would fail otherwise.
#[tokio::test]
async fn the_log_names_an_address_that_the_manifest_does_not_allow() {
    const ELSEWHERE: &str = "https://127.0.0.1:9";
    let downstream = format!("graph = {ELSEWHERE}/v1.0 https://graph.microsoft.com/User.Read");
    let sidecar = "/call/entra.spin.internal/DownstreamApi/graph";
    for (setting, value, target) in [
        ("upstream", ELSEWHERE, "/seen"),
        ("authority_host", ELSEWHERE, "/seen"),
        ("downstream_apis", downstream.as_str(), sidecar),
    ] {
        let guarded = Guarded::start(Component::Probe, &[(setting, value)]).await;
        let (_, text) = guarded.get(target, Some(&guarded.token("ada"))).await;
        assert!(text.contains("server_unavailable"), "{setting}: {text}");
        let lines = guarded.app.server.settled_log_lines().await;
        let named = format!("the host denied a call of {ELSEWHERE}: add it to allowed_outbound_hosts");
        assert!(lines.iter().any(|line| line.contains(&named)), "{setting}: {lines:?}");
    }
}

#[tokio::test]
async fn an_app_in_javascript_is_guarded_as_well() {
    if let Some(guarded) = Guarded::start_example(Language::Javascript).await {
        greets_and_reads(&guarded).await;
    }
}

#[tokio::test]
async fn an_app_in_python_is_guarded_as_well() {
    if let Some(guarded) = Guarded::start_example(Language::Python).await {
        greets_and_reads(&guarded).await;
    }
}

#[tokio::test]
async fn an_app_greets_its_caller_and_reads_their_profile() {
    let guarded = Guarded::start(Component::RustExample, &[]).await;
    greets_and_reads(&guarded).await;
}

async fn greets_and_reads(guarded: &Guarded) {
    let ada = guarded.token("ada");
    let person = guarded.app.tenant.person("ada").unwrap();
    let (status, text) = guarded.get("/", Some(&ada)).await;
    assert_eq!(
        (status, text.starts_with("Hello, ")),
        (StatusCode::OK, true),
        "{text} {:?}",
        guarded.app.server.log_lines()
    );
    let (status, text) = guarded.get("/profile", Some(&ada)).await;
    let profile: Value =
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text} {:?}", guarded.app.server.log_lines()));
    assert_eq!((status, &profile["id"]), (StatusCode::OK, &json!(person.object_id)), "{text}");
    // A second factor: the app hands on what the sidecar says, and the caller learns what to do.
    let request =
        guarded.client.get(format!("{}/profile", guarded.app.server.url())).bearer_auth(guarded.token("mona"));
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let refusal: Value = response.json().await.unwrap();
    assert_eq!((status, &refusal["code"]), (StatusCode::UNAUTHORIZED, &json!("claims_challenge")));
    assert_eq!(headers["content-type"], "application/problem+json");
    assert!(headers["www-authenticate"].to_str().unwrap().contains("claims="), "{headers:?}");
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
    let person = guarded.app.tenant.person("ada").unwrap().object_id.to_string();
    let spoofed =
        ["x-ms-client-principal-id", "x-ms-token-aad-access-token", "x_ms_client_principal_id", "x-user", "x_user"];
    for (target, token) in [("/seen?a=%2F", Some(&ada)), ("/open/seen", None)] {
        let mut request = guarded.client.get(format!("{}{target}", guarded.app.server.url()));
        for name in spoofed {
            request = request.header(name, "spoofed");
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let text = request.send().await.unwrap().text().await.unwrap();
        let seen: Value =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text} {:?}", guarded.app.server.log_lines()));
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
        json!({
            "client_secret": null, "clientsecret": null, "tenant_id": null,
            "environment": [], "files": false, "store": false,
        })
    );
    assert!(!guarded.app.tenant.client_secret().is_empty() && !text.contains(&guarded.app.tenant.client_secret()));
}

/// A server outside the application, which sees the bytes that the host makes of what the guard sends.
#[tokio::test]
async fn a_server_sees_no_body_where_there_is_none_and_each_list_in_one_line() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let guarded = Guarded::start_for(&format!("http://{}", listener.local_addr().unwrap()), &[]).await;
    let url = format!("{}/seen", guarded.app.server.url());
    for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE, Method::OPTIONS] {
        let request = guarded.client.request(method.clone(), &url).bearer_auth(guarded.token("ada"));
        let request = request.header("cookie", "a=1").header("cookie", "b=2").header("x-forwarded-for", "203.0.113.7");
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                assert_ne!(stream.read_buf(&mut head).await.unwrap(), 0, "{method}");
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.unwrap();
            String::from_utf8(head).unwrap()
        };
        let (response, head) =
            timeout(Duration::from_secs(30), async { tokio::join!(request.send(), server) }).await.unwrap();
        assert_eq!(response.unwrap().status(), StatusCode::NO_CONTENT, "{head}");
        let values = |name: &str| -> Vec<&str> {
            head.lines()
                .filter_map(|line| line.split_once(": "))
                .filter(|line| line.0 == name)
                .map(|line| line.1)
                .collect()
        };
        let has_length = method != Method::GET && method != Method::HEAD;
        assert_eq!(values("content-length"), if has_length { &["0"][..] } else { &[] }, "{head}");
        assert_eq!(values("transfer-encoding"), [""; 0], "{head}");
        assert_eq!(values("cookie"), ["a=1; b=2"], "{head}");
        assert_eq!(values("x-forwarded-for"), ["203.0.113.7, 127.0.0.1"], "{head}");
    }
}

#[tokio::test]
async fn bodies_pass_in_both_directions_as_they_arrive() {
    let guarded = Guarded::start(Component::Probe, &[]).await;
    let ada = guarded.token("ada");
    let url = format!("{}/echo", guarded.app.server.url());
    for bytes in [0, 1, 100_000, 5_000_000] {
        let body: Vec<u8> = (0..bytes).map(|index: u32| (index % 251).try_into().unwrap()).collect();
        let response = guarded.client.post(&url).bearer_auth(&ada).body(body.clone()).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{:?}", guarded.app.server.log_lines());
        assert!(response.bytes().await.unwrap() == body, "{bytes} bytes");
    }
    // A piece comes back before the next is sent.
    let address = guarded.app.server.url().trim_start_matches("http://").to_owned();
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
        .unwrap_or_else(|_| panic!("{piece} did not come back: {seen} {:?}", guarded.app.server.log_lines()));
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
async fn an_upgrade_to_a_web_socket_is_refused_where_the_host_passes_it_on() {
    let guarded = Guarded::start(Component::Probe, &[("public_paths", "/open/*")]).await;
    let host = guarded.app.server.url().trim_start_matches("http://").to_owned();
    // The embedded host's wasmtime is newer than that of Spin 4.1, and removes the header before the guard sees it.
    let upgrade = format!("GET /open/seen HTTP/1.1\r\nhost: {host}\r\nupgrade: websocket\r\nconnection: close\r\n\r\n");
    let answer = guarded.raw(&upgrade).await;
    let status = if Runner::from_environment().unwrap() == Runner::Embedded { "200" } else { "501" };
    assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && !answer.contains("websocket"), "{answer}");
}

#[tokio::test]
async fn the_app_gets_tokens_of_the_application_itself_and_nobody_else_does() {
    const PATHS: [&str; 2] = ["/AuthorizationHeaderUnauthenticated/graph", "/DownstreamApiUnauthenticated/graph"];
    let change = [
        ("application_tokens_for", "graph"),
        ("public_paths", "/AuthorizationHeaderUnauthenticated/* /DownstreamApiUnauthenticated/*"),
    ];
    let guarded = Guarded::start(Component::Probe, &change).await;
    let (tenant, ada) = (&guarded.app.tenant, guarded.token("ada"));
    tenant.assign_app_role(tenant.client_id(), "https://graph.microsoft.com", "User.Read.All").unwrap();
    let person = tenant.person("ada").unwrap().object_id.clone();
    let requested =
        || tenant.requests().iter().filter(|request| request.endpoint == Endpoint::ClientCredentials).count();

    // Whoever is outside gets to the app, as with any other path.
    let host = guarded.app.server.url().trim_start_matches("http://").to_owned();
    for path in PATHS {
        for token in [None, Some(&*ada)] {
            let (status, text) = guarded.get(path, token).await;
            assert_eq!(status, StatusCode::OK, "{text}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["target"], path);
        }
        for lines in [
            format!("host: {host}\r\nspin-client-addr: 0.0.0.0:0\r\n"),
            "host: entra.spin.internal\r\n".to_owned(),
            format!("host: {host}\r\nx-forwarded-for: 0.0.0.0\r\nspin-client-addr: 0.0.0.0:0\r\n"),
        ] {
            let request =
                format!("GET {path} HTTP/1.1\r\n{lines}authorization: Bearer {ada}\r\nconnection: close\r\n\r\n");
            let answer = guarded.raw(&request).await;
            // A host within the application is refused without a word.
            let is_of_app = answer.is_empty() || answer.contains("\"target\"");
            assert!(is_of_app && !answer.contains("authorizationHeader"), "{lines}: {answer}");
        }
        // An app that passes requests on, with their headers.
        let (status, text) = guarded.get(&format!("/call/entra.spin.internal{path}"), Some(&ada)).await;
        let refusal: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &refusal["code"]), (StatusCode::FORBIDDEN, &json!("application_tokens_disabled")));
    }
    assert_eq!(requested(), 0);

    // A request of the app's own.
    let own = |path: &str| format!("/own/entra.spin.internal{path}");
    let (status, text) = guarded.get(&own(PATHS[0]), Some(&ada)).await;
    assert_eq!(status, StatusCode::OK, "{text} {:?}", guarded.app.server.log_lines());
    let handed: Value = serde_json::from_str(&text).unwrap();
    assert!(handed["authorizationHeader"].as_str().unwrap().starts_with("Bearer ey"), "{text}");
    let target = format!("{}?optionsOverride.RelativePath=users/{person}", PATHS[1]);
    let (status, text) = guarded.get(&own(&target), Some(&ada)).await;
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &found["statusCode"]), (StatusCode::OK, &json!(200)), "{text}");
    assert!(found["content"].as_str().unwrap().contains(&person), "{text}");
    let (_, text) = guarded.get(&own(&format!("{}?optionsOverride.RelativePath=me", PATHS[1])), Some(&ada)).await;
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["statusCode"], 400, "{text}");
    assert_eq!(requested(), 1);
    let lines = guarded.app.server.settled_log_lines().await;
    let is_logged = |line: &String| {
        line.contains("\"token_of\":\"application\"") && line.contains("/AuthorizationHeaderUnauthenticated")
    };
    assert!(lines.iter().any(is_logged), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("eyJ")), "{lines:?}");
}

#[tokio::test]
async fn there_are_no_tokens_of_the_application_itself_unless_the_operator_lists_an_api() {
    let guarded = Guarded::start(Component::Probe, &[]).await;
    for path in ["/AuthorizationHeaderUnauthenticated/graph", "/DownstreamApiUnauthenticated/graph"] {
        let (status, text) = guarded.get(&format!("/own/entra.spin.internal{path}"), Some(&guarded.token("ada"))).await;
        let refusal: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &refusal["code"]), (StatusCode::FORBIDDEN, &json!("application_tokens_disabled")));
    }
}

#[tokio::test]
async fn an_app_that_traps_harms_no_other_request_and_none_of_the_guards_caches() {
    let guarded = Guarded::start(Component::Probe, &[("access_token_for", "graph")]).await;
    let ada = guarded.token("ada");
    assert_eq!(guarded.get("/seen", Some(&ada)).await.0, StatusCode::OK);
    let before = guarded.app.tenant.requests().len();
    // Requests that are with the guard while the app traps.
    let address = guarded.app.server.url().trim_start_matches("http://").to_owned();
    let head = format!(
        "POST /echo HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {ada}\r\nconnection: close\r\ncontent-length: 10\r\n\r\n"
    );
    let mut waiting = Vec::new();
    for _ in 0..5 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        waiting.push(stream);
    }
    for _ in 0..5 {
        let (status, text) = guarded.get("/trap", Some(&ada)).await;
        assert!(status.is_server_error(), "{status} {text}");
    }
    for mut stream in waiting {
        stream.write_all(b"still here").await.unwrap();
        let mut read = String::new();
        timeout(Duration::from_secs(10), stream.read_to_string(&mut read)).await.expect("an answer").unwrap();
        assert!(
            read.starts_with("HTTP/1.1 200") && read.contains("still here"),
            "{read} {:?}",
            guarded.app.server.log_lines()
        );
    }
    for _ in 0..10 {
        assert_eq!(guarded.get("/seen", Some(&ada)).await.0, StatusCode::OK);
    }
    // Neither keys nor the token were fetched again.
    let asked: Vec<_> = guarded.app.tenant.requests().into_iter().skip(before).collect();
    assert!(asked.is_empty(), "{asked:?}");
}

/// A trap ends every request of its instance. None of them may look finished, or wait for what never comes.
#[tokio::test]
async fn requests_inside_an_app_that_traps_end_and_never_look_whole() {
    let guarded = Guarded::start(Component::Probe, &[]).await;
    let ada = guarded.token("ada");
    let address = guarded.app.server.url().trim_start_matches("http://").to_owned();
    let head = format!(
        "POST /echo HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {ada}\r\nconnection: close\r\n\
         transfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n"
    );
    let mut inside = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        // What comes back was in the app.
        while !read.windows(5).any(|window| window == b"begun") {
            let count = timeout(Duration::from_secs(10), stream.read_buf(&mut read)).await.expect("an echo").unwrap();
            assert_ne!(count, 0, "{}", String::from_utf8_lossy(&read));
        }
        inside.push((stream, read));
    }
    for _ in 0..16 {
        let (status, text) = guarded.get("/trap", Some(&ada)).await;
        assert!(status.is_server_error(), "{status} {text}");
    }
    for (mut stream, mut read) in inside {
        // Those that the trap ended do not take this.
        let _ = stream.write_all(b"3\r\nend\r\n0\r\n\r\n").await;
        let _ = timeout(Duration::from_secs(10), stream.read_to_end(&mut read)).await.expect("an end");
        let text = String::from_utf8_lossy(&read);
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        assert_eq!(text.contains("end\r\n"), text.ends_with("0\r\n\r\n"), "{text}");
    }
    for _ in 0..10 {
        assert_eq!(guarded.get("/seen", Some(&ada)).await.0, StatusCode::OK);
    }
}
