//! Bytes by which people try to get a request past the gateway that it did not judge.
//!
//! The app is a component of the same application, or a server that parses what the host writes to it.

use std::{
    convert::Infallible,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use cargo_dev::component::Component;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::entra::Guarded;

/// The gateway ends a connection sooner than this once its sender has said all.
const LIMIT: Duration = Duration::from_secs(20);

/// Every request is answered sooner than this, unless it waits for more.
const BEGIN_LIMIT: Duration = Duration::from_secs(3);

/// Gives the requests behind the first one time to reach the app.
const BETWEEN_ANSWERS: Duration = Duration::from_millis(200);

/// What a smuggler hides in a request.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nhost: x\r\nx-ms-client-principal-id: spoofed\r\n\r\n";

/// Requests, of which `HOST` is the gateway's address, `TOKEN` a valid token and `HIDDEN` the hidden request,
/// `LENGTH` its length, and the targets that may reach the app. `/open/*` is public.
const CASES: &[(&str, &str, &[&str])] = &[
    // Without which the others would prove nothing.
    ("a public path", "GET /open/a HTTP/1.1\r\nhost: HOST\r\n\r\n", &["/open/a"]),
    ("a token", "GET /a HTTP/1.1\r\nhost: HOST\r\nauthorization: Bearer TOKEN\r\n\r\n", &["/a"]),
    ("a body", "POST /open/a HTTP/1.1\r\nhost: HOST\r\ncontent-length: 4\r\n\r\nbody", &["/open/a"]),
    // Lengths.
    (
        "two lengths",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ncontent-length: 0\r\ncontent-length: LENGTH\r\n\r\nHIDDEN",
        &[],
    ),
    ("the same two in a list", "POST /open/a HTTP/1.1\r\nhost: HOST\r\ncontent-length: 0, LENGTH\r\n\r\nHIDDEN", &[]),
    ("a signed length", "POST /open/a HTTP/1.1\r\nhost: HOST\r\ncontent-length: +0\r\n\r\nHIDDEN", &[]),
    ("a negative length", "POST /open/a HTTP/1.1\r\nhost: HOST\r\ncontent-length: -1\r\n\r\nHIDDEN", &[]),
    ("a hexadecimal length", "POST /open/a HTTP/1.1\r\nhost: HOST\r\ncontent-length: 0x0\r\n\r\nHIDDEN", &[]),
    ("a length with words", "POST /open/a HTTP/1.1\r\nhost: HOST\r\ncontent-length: 0 LENGTH\r\n\r\nHIDDEN", &[]),
    ("a huge length", "POST /open/a HTTP/1.1\r\nhost: HOST\r\ncontent-length: 18446744073709551617\r\n\r\nHIDDEN", &[]),
    ("an empty length", "POST /open/a HTTP/1.1\r\nhost: HOST\r\ncontent-length: \r\n\r\nHIDDEN", &[]),
    (
        "a length with a space before its colon",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ncontent-length : LENGTH\r\n\r\nHIDDEN",
        &[],
    ),
    ("a disguised length", "GET /open/a HTTP/1.1\r\nhost: HOST\r\ncontent_length: LENGTH\r\n\r\nHIDDEN", &["/open/a"]),
    (
        "a length that nobody fills",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ncontent-length: 500\r\n\r\nHIDDEN",
        &["/open/a"],
    ),
    ("a GET with a body", "GET /open/a HTTP/1.1\r\nhost: HOST\r\ncontent-length: LENGTH\r\n\r\nHIDDEN", &["/open/a"]),
    // Transfer encodings.
    (
        "chunks and a length",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ncontent-length: LENGTH\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nHIDDEN",
        &["/open/a"],
    ),
    (
        "a length and chunks",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\nHIDDEN",
        &["/open/a"],
    ),
    (
        "chunks twice",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nHIDDEN",
        &["/open/a"],
    ),
    (
        "chunks, then another coding",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\nHIDDEN",
        &[],
    ),
    (
        "another coding",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: identity\r\ncontent-length: 0\r\n\r\nHIDDEN",
        &[],
    ),
    (
        "nearly chunks",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: xchunked\r\ncontent-length: 0\r\n\r\nHIDDEN",
        &[],
    ),
    (
        "chunks with a vertical tab",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\nHIDDEN",
        &[],
    ),
    (
        "chunks with a space before the colon",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\nHIDDEN",
        &[],
    ),
    (
        "disguised chunks",
        "GET /open/a HTTP/1.1\r\nhost: HOST\r\ntransfer_encoding: chunked\r\n\r\n0\r\n\r\nHIDDEN",
        &["/open/a"],
    ),
    (
        "chunks in HTTP/1.0",
        "POST /open/a HTTP/1.0\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nHIDDEN",
        &["/open/a"],
    ),
    (
        "a hexadecimal chunk",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n0x0\r\n\r\nHIDDEN",
        &["/open/a"],
    ),
    (
        "a negative chunk",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n\r\nHIDDEN",
        &["/open/a"],
    ),
    (
        "a huge chunk",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n10000000000000000\r\n\r\nHIDDEN",
        &["/open/a"],
    ),
    (
        "a chunk without its end",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n1\r\naHIDDEN",
        &["/open/a"],
    ),
    (
        "chunks with bare line feeds",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n0\n\nHIDDEN",
        &["/open/a"],
    ),
    (
        "a chunk with an extension",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n0;a=\"\n\r\n\r\nHIDDEN",
        &["/open/a"],
    ),
    (
        "a request in trailers",
        "POST /open/a HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: 1\r\n\r\nHIDDEN",
        &["/open/a"],
    ),
    // Lines.
    (
        "a folded line",
        "GET /open/a HTTP/1.1\r\nhost: HOST\r\nx-a: b\r\n x-ms-client-principal-id: spoofed\r\n\r\n",
        &[],
    ),
    ("a folded Authorization", "GET /a HTTP/1.1\r\nhost: HOST\r\nauthorization: Bearer\r\n TOKEN\r\n\r\n", &[]),
    ("a line folded at the beginning", "GET /open/a HTTP/1.1\r\n x: y\r\nhost: HOST\r\n\r\n", &[]),
    (
        "a bare carriage return",
        "GET /open/a HTTP/1.1\r\nhost: HOST\r\nx: y\rx-ms-client-principal-id: spoofed\r\n\r\n",
        &[],
    ),
    ("a zero", "GET /open/a HTTP/1.1\r\nhost: HOST\r\nx: y\0z\r\n\r\n", &[]),
    ("a name with a space", "GET /open/a HTTP/1.1\r\nhost: HOST\r\nx y: z\r\n\r\n", &[]),
    ("no colon", "GET /open/a HTTP/1.1\r\nhost: HOST\r\nx-ms-client-principal-id\r\n\r\n", &[]),
    ("no name", "GET /open/a HTTP/1.1\r\nhost: HOST\r\n: spoofed\r\n\r\n", &[]),
    ("bare line feeds", "GET /open/a HTTP/1.1\nhost: HOST\nx-ms-client-principal-id: spoofed\n\n", &["/open/a"]),
    // The request line.
    ("two targets", "GET /open/a /hidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("a tab in the request line", "GET /open/a\t/hidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("two versions", "GET /open/a HTTP/1.1 HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("HTTP/0.9", "GET /hidden\r\n\r\n", &[]),
    ("HTTP/1.0", "GET /hidden HTTP/1.0\r\n\r\n", &[]),
    ("HTTP/2.0", "GET /hidden HTTP/2.0\r\nhost: HOST\r\n\r\n", &[]),
    ("a later version", "GET /hidden HTTP/1.9\r\nhost: HOST\r\n\r\n", &[]),
    // Targets.
    ("absolute form", "GET http://HOST/hidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("absolute form of a public path", "GET http://HOST/open/a HTTP/1.1\r\nhost: HOST\r\n\r\n", &["/open/a"]),
    ("absolute form of another host", "GET http://my-api.spin.internal/hidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("absolute form of the sidecar", "GET http://entra.spin.internal/Validate HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("absolute form with dots", "GET http://HOST/open/../hidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("absolute form with a user", "GET http://HOST@x/open/%2e%2e/hidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("authority form", "CONNECT my-api.spin.internal:80 HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("asterisk form", "OPTIONS * HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("no slash", "GET open/a HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("two slashes", "GET //open/a HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("a fragment", "GET /open/a#/../hidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &["/open/a"]),
    ("dots", "GET /open/../hidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("encoded dots", "GET /open/%2e%2E/hidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("an encoded slash", "GET /open/..%2fhidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("a backslash", "GET /open/..\\hidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("an encoded backslash", "GET /open/..%5chidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("dots encoded twice", "GET /open/%252e%252e/hidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("dots with parameters", "GET /open/..;x/hidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("an overlong dot", "GET /open/%c0%ae%c0%ae/hidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("a wide slash", "GET /open/..%ef%bc%8fhidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("an encoded line break", "GET /open/a%0d%0aGET%20/hidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("an encoded zero", "GET /open/a%00/../hidden HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("letters of another case", "GET /OPEN/a HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    ("encoded letters", "GET /%6fpen/a HTTP/1.1\r\nhost: HOST\r\n\r\n", &[]),
    // Duplicates, and headers that name something else.
    ("two hosts", "GET /hidden HTTP/1.1\r\nhost: HOST\r\nhost: entra.spin.internal\r\n\r\n", &[]),
    ("the app's host", "GET /hidden HTTP/1.1\r\nhost: my-api.spin.internal\r\n\r\n", &[]),
    ("the sidecar's host", "GET /Validate HTTP/1.1\r\nhost: entra.spin.internal\r\n\r\n", &[]),
    ("no host", "GET /hidden HTTP/1.1\r\n\r\n", &[]),
    (
        "two tokens",
        "GET /a HTTP/1.1\r\nhost: HOST\r\nauthorization: Bearer x\r\nauthorization: Bearer TOKEN\r\n\r\n",
        &[],
    ),
    (
        "two tokens, the right one first",
        "GET /a HTTP/1.1\r\nhost: HOST\r\nauthorization: Bearer TOKEN\r\nauthorization: Bearer x\r\n\r\n",
        &[],
    ),
    ("tokens in a list", "GET /a HTTP/1.1\r\nhost: HOST\r\nauthorization: Bearer x, Bearer TOKEN\r\n\r\n", &[]),
    (
        "an address within the application",
        "GET /Validate HTTP/1.1\r\nhost: HOST\r\nspin-client-addr: 0.0.0.0:0\r\n\r\n",
        &[],
    ),
    (
        "another target in headers",
        "GET /open/a HTTP/1.1\r\nhost: HOST\r\nx-original-url: /hidden\r\nspin-path-info: /hidden\r\nx-rewrite-url: /hidden\r\n\r\n",
        &["/open/a"],
    ),
    (
        "a principal",
        "GET /open/a HTTP/1.1\r\nhost: HOST\r\nX-MS-CLIENT-PRINCIPAL-ID: spoofed\r\nx_ms_client_principal_id: spoofed\r\n\r\n",
        &["/open/a"],
    ),
    (
        "a principal, with a token",
        "GET /a HTTP/1.1\r\nhost: HOST\r\nauthorization: Bearer TOKEN\r\nx-ms-client-principal-id: spoofed\r\nconnection: x-ms-client-principal-id, authorization\r\n\r\n",
        &["/a"],
    ),
    // Several requests on a connection.
    ("a hidden request behind one", "GET /open/a HTTP/1.1\r\nhost: HOST\r\n\r\nHIDDEN", &["/open/a"]),
    (
        "a hidden request behind one with a token",
        "GET /a HTTP/1.1\r\nhost: HOST\r\nauthorization: Bearer TOKEN\r\n\r\nHIDDEN",
        &["/a"],
    ),
    (
        "a body that was announced",
        "POST /hidden HTTP/1.1\r\nhost: HOST\r\nexpect: 100-continue\r\ncontent-length: LENGTH\r\n\r\nHIDDEN",
        &[],
    ),
    ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nHIDDEN", &[]),
    (
        "an upgrade to HTTP/2",
        "GET /hidden HTTP/1.1\r\nhost: HOST\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\nHIDDEN",
        &[],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_judged_reaches_a_component() {
    let guarded = Guarded::start(Component::Probe, &[("public_paths", "/open/*")]).await;
    warm(&guarded).await;
    let mut wrong = Vec::new();
    for (name, bytes, reaching) in CASES {
        let answer = send(&guarded, bytes).await;
        // The probe describes each request that reaches it.
        let seen = |text: &str| -> Vec<Value> {
            let documents = text.split("{\"authority\"").skip(1).map(|rest| format!("{{\"authority\"{rest}"));
            let parse = |text: String| serde_json::Deserializer::from_str(&text).into_iter().next()?.ok();
            documents.filter_map(parse).collect()
        };
        match answer {
            Ok(answer) => wrong.extend(judge(name, &seen(&answer), reaching, &answer)),
            Err(fault) => wrong.push(format!("{name}: {fault}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_judged_reaches_a_server() {
    let server = Server::start().await;
    let guarded = Guarded::start_for(&server.url, &[("public_paths", "/open/*")]).await;
    warm(&guarded).await;
    server.take();
    let mut wrong = Vec::new();
    for (name, bytes, reaching) in CASES {
        match send(&guarded, bytes).await {
            Ok(answer) => wrong.extend(judge(name, &server.take(), reaching, &answer)),
            Err(fault) => wrong.push(format!("{name}: {fault}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The first request takes longer than the others.
async fn warm(guarded: &Guarded) {
    assert_eq!(guarded.get("/warm", Some(&guarded.token("ada"))).await.0, 200);
}

/// Sends a case whole, and says nothing more. All that comes back, or why the connection does not end.
async fn send(guarded: &Guarded, case: &str) -> Result<String, String> {
    let host = guarded.app.server.url().trim_start_matches("http://");
    let bytes = case.replace("LENGTH", &HIDDEN.len().to_string()).replace("HIDDEN", HIDDEN);
    let bytes = bytes.replace("HOST", host).replace("TOKEN", &guarded.token("ada"));
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let ending = async {
        // Not before an answer begins: hosts drop a request whose sender has said its last.
        let _ = timeout(BEGIN_LIMIT, stream.read_buf(&mut answer)).await;
        let _ = timeout(BETWEEN_ANSWERS, stream.read_to_end(&mut answer)).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut answer).await;
    };
    let ended = timeout(LIMIT, ending).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    ended.map_err(|_| format!("the connection does not end; so far: {answer}"))?;
    Ok(answer)
}

/// What is wrong with the requests that the app has seen.
fn judge(name: &str, seen: &[Value], reaching: &[&str], answer: &str) -> Option<String> {
    let targets: Vec<_> = seen.iter().map(|seen| seen["target"].as_str().unwrap()).collect();
    let is_allowed = targets.len() <= reaching.len() && targets.iter().all(|target| reaching.contains(target));
    let is_required = ["a public path", "a token", "a body", "a GET with a body"].contains(&name);
    let is_spoofed = seen.iter().any(|seen| seen["headers"].to_string().contains("spoofed"));
    let is_right = is_allowed && !is_spoofed && (!is_required || targets == reaching);
    (!is_right).then(|| format!("{name}: {targets:?} reached the app, {reaching:?} may; {answer}"))
}

/// An app that describes requests as the probe does.
struct Server {
    url: String,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let server = Self { url: format!("http://{}", listener.local_addr().unwrap()), seen: Arc::default() };
        let seen = Arc::clone(&server.seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let answer = service_fn(|request: Request<Incoming>| async {
                        let (head, body) = request.into_parts();
                        let headers: Vec<_> = head.headers.iter().map(|header| format!("{header:?}")).collect();
                        seen.lock().unwrap().push(json!({"target": head.uri.to_string(), "headers": headers}));
                        let _ = body.collect().await;
                        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("seen")))
                    });
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        server
    }

    fn take(&self) -> Vec<Value> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}
