//! Apps that answer in ways that HTTP does not allow, or hardly, behind the gateway: each caller gets an answer, and nobody gets
//! somebody else's.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use profile_get_dev::run::Runner;
use reqwest::{Method, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use crate::entra::Guarded;

/// Everything here answers at once, or breaks.
const LIMIT: Duration = Duration::from_secs(20);

/// Longer than the gateway waits for a body before it passes the head on.
const LATE: Duration = Duration::from_secs(1);

/// A response that goes on, and its first event.
const EVENTS: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n";

/// What the caller sees.
#[derive(Clone, Copy, Debug)]
enum Seen {
    /// This status and this body.
    Answer(u16, &'static str),
    /// The gateway's own answer that the app is of no use.
    Unusable,
    /// A body that visibly breaks off.
    Broken,
    /// This answer, or that the app is of no use, because hosts differ.
    AnswerOrUnusable(u16, &'static str),
}

/// How the app answers, whether it then closes the connection, and what the caller sees.
const CASES: &[(&str, Method, &str, bool, Seen)] = &[
    ("as it should", Method::GET, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody", false, Seen::Answer(200, "body")),
    (
        "an interim response",
        Method::GET,
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody",
        false,
        Seen::Answer(200, "body"),
    ),
    (
        "many interim responses",
        Method::POST,
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody",
        false,
        Seen::Answer(200, "body"),
    ),
    ("an interim response alone", Method::GET, "HTTP/1.1 103 Early Hints\r\n\r\n", true, Seen::Unusable),
    (
        "another protocol",
        Method::GET,
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        true,
        Seen::Unusable,
    ),
    (
        "headers of the connection",
        Method::GET,
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: x-hop, keep-alive\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nproxy-authenticate: Basic\r\nproxy-connection: close\r\nte: trailers\r\nupgrade: h2c\r\nhost: x\r\n\r\nbody",
        false,
        Seen::Answer(200, "body"),
    ),
    (
        "two lengths",
        Method::GET,
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 6\r\n\r\nbodyxx",
        true,
        Seen::Unusable,
    ),
    (
        "a length and chunks",
        Method::GET,
        "HTTP/1.1 200 OK\r\ncontent-length: 40\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        true,
        Seen::AnswerOrUnusable(200, "body"),
    ),
    (
        "a HEAD with a body",
        Method::HEAD,
        "HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno",
        false,
        Seen::Answer(200, ""),
    ),
    (
        "no content with content",
        Method::GET,
        "HTTP/1.1 204 No Content\r\ncontent-length: 40\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno",
        false,
        Seen::Answer(204, ""),
    ),
    (
        "not modified with a length",
        Method::GET,
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 40\r\n\r\n",
        false,
        Seen::Answer(304, ""),
    ),
    (
        "reset content with content",
        Method::GET,
        "HTTP/1.1 205 Reset Content\r\ncontent-length: 2\r\n\r\nno",
        false,
        Seen::Answer(205, ""),
    ),
    (
        "two answers",
        Method::GET,
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno",
        false,
        Seen::Answer(200, "body"),
    ),
    (
        "an answer that is too long",
        Method::GET,
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody and more",
        false,
        Seen::Answer(200, "body"),
    ),
    (
        "an answer that is too short",
        Method::GET,
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nbody",
        true,
        Seen::Unusable,
    ),
    (
        "a large answer that is too short",
        Method::GET,
        "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nbody",
        true,
        Seen::Broken,
    ),
    (
        "chunks that break off",
        Method::GET,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n",
        true,
        Seen::Broken,
    ),
    (
        "events that break off",
        Method::GET,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndat",
        true,
        Seen::Broken,
    ),
    (
        "chunks that are none",
        Method::GET,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nbody",
        true,
        Seen::Broken,
    ),
    ("until the end of the connection", Method::GET, "HTTP/1.1 200 OK\r\n\r\nbody", true, Seen::Answer(200, "body")),
    ("HTTP/1.0", Method::GET, "HTTP/1.0 200 OK\r\n\r\nbody", true, Seen::Answer(200, "body")),
    ("HTTP/0.9", Method::GET, "body", true, Seen::Unusable),
    ("HTTP/2", Method::GET, "HTTP/2 200 OK\r\n\r\n", true, Seen::Unusable),
    ("nothing", Method::GET, "", true, Seen::Unusable),
    ("half a head", Method::GET, "HTTP/1.1 200 OK\r\ncontent-le", true, Seen::Unusable),
    ("a status that is none", Method::GET, "HTTP/1.1 099 No\r\ncontent-length: 0\r\n\r\n", true, Seen::Unusable),
    ("a rare status", Method::GET, "HTTP/1.1 799 Rare\r\ncontent-length: 4\r\n\r\nbody", false, Seen::Unusable),
    (
        "a header without a name",
        Method::GET,
        "HTTP/1.1 200 OK\r\n: x\r\ncontent-length: 4\r\n\r\nbody",
        true,
        Seen::Unusable,
    ),
    (
        "a folded header",
        Method::GET,
        "HTTP/1.1 200 OK\r\nx: y\r\n z\r\ncontent-length: 4\r\n\r\nbody",
        true,
        Seen::AnswerOrUnusable(200, "body"),
    ),
    (
        "other letters in a header",
        Method::GET,
        "HTTP/1.1 200 OK\r\nx: \u{e9}\r\ncontent-length: 4\r\n\r\nbody",
        false,
        Seen::Answer(200, "body"),
    ),
    ("a very long header", Method::GET, "LONG", true, Seen::Unusable),
    ("very many headers", Method::GET, "MANY", true, Seen::Unusable),
    (
        "an answer before the upload is read",
        Method::PUT,
        "HTTP/1.1 413 Content Too Large\r\ncontent-length: 4\r\n\r\nbody",
        false,
        Seen::Answer(413, "body"),
    ),
    (
        "an end before the upload is read",
        Method::PUT,
        "HTTP/1.1 413 Content Too Large\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody",
        true,
        Seen::AnswerOrUnusable(413, "body"),
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_an_app_answers_its_caller_gets_an_answer_and_nobody_elses() {
    let url = serve().await;
    let guarded = Guarded::start_for(&url, &[]).await;
    let (ada, pia) = (guarded.token("ada"), guarded.token("pia"));
    let person = |name: &str| guarded.app.tenant.person(name).unwrap().object_id.clone();
    let mut wrong = Vec::new();
    for (number, (name, method, _, _, expected)) in CASES.iter().enumerate() {
        let target = format!("{}/{number}", guarded.app.server.url());
        let mut request = guarded.client.request(method.clone(), target).bearer_auth(&ada);
        if method == Method::PUT {
            request = request.body(vec![b'x'; 2_000_000]);
        } else if method == Method::POST {
            request = request.body("a body");
        }
        let seen = timeout(LIMIT, async {
            let response = request.send().await.map_err(|error| format!("no answer: {error:?}"))?;
            // Not what `Connection` names: hosts take it out before a component sees it.
            let hop = ["keep-alive", "proxy-authenticate", "proxy-connection", "te", "upgrade", "host"];
            if let Some(hop) = hop.into_iter().find(|name| response.headers().contains_key(*name)) {
                return Err(format!("{hop} came through"));
            }
            let status = response.status();
            Ok((status, response.text().await))
        });
        let seen = seen.await.unwrap_or_else(|_| panic!("{name}: no answer in time"));
        let is_unusable = |seen: &(StatusCode, Result<String, reqwest::Error>)| {
            let is_explained = |body: &Result<String, _>| {
                body.as_ref().is_ok_and(|body| body.contains("app_unreachable") || method == Method::HEAD)
            };
            seen.0 == 502 && is_explained(&seen.1)
        };
        let is_answer = |seen: &(StatusCode, Result<String, reqwest::Error>), status: u16, body: &str| {
            seen.0 == status && seen.1.as_ref().is_ok_and(|text| text == body)
        };
        let is_right = seen.as_ref().is_ok_and(|seen| match *expected {
            Seen::Answer(status, body) => is_answer(seen, status, body),
            Seen::Unusable => is_unusable(seen),
            Seen::Broken => seen.0 == 200 && seen.1.is_err(),
            Seen::AnswerOrUnusable(status, body) => is_answer(seen, status, body) || is_unusable(seen),
        });
        if !is_right {
            wrong.push(format!("{name}: {seen:?}, {expected:?} was expected"));
        }
        // Whoever comes next gets their own answer, at once and a little later.
        for (token, person) in [(&pia, person("pia")), (&ada, person("ada"))] {
            let seen = timeout(LIMIT, guarded.get("/who", Some(token))).await;
            if seen.as_ref().ok() != Some(&(StatusCode::OK, person.clone())) {
                wrong.push(format!("after {name}: {seen:?}, {person} was expected"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?} {:?}", guarded.app.server.log_lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_late_does_not_hold_its_head_back() {
    let guarded = Guarded::start_for(&serve().await, &[]).await;
    let ada = guarded.token("ada");
    for (path, expected) in [("/late", Some("body")), ("/never", None)] {
        let request = guarded.client.get(format!("{}{path}", guarded.app.server.url())).bearer_auth(&ada);
        let response = timeout(LIMIT, request.send()).await.unwrap_or_else(|_| panic!("{path}: no head")).unwrap();
        assert_eq!((response.status(), response.content_length()), (StatusCode::OK, Some(4)), "{path}");
        let body = timeout(2 * LATE, response.text()).await.ok().map(Result::unwrap);
        assert_eq!(body.as_deref(), expected, "{path}");
    }
    // The instance that waits for what never comes serves others.
    assert_eq!(guarded.get("/who", Some(&ada)).await.0, StatusCode::OK);
}

/// An app that sends nothing cannot notice by itself that its reader has left.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_told_when_the_reader_of_its_events_has_left() {
    if Runner::from_environment().unwrap() == Runner::Embedded {
        return eprintln!(
            "skipped: the embedded host's wasmtime hides the header by which callers over HTTP/1 are known"
        );
    }
    let guarded = Guarded::start_for(&serve().await, &[]).await;
    let ada = guarded.token("ada");
    let open = || async { guarded.get("/open", Some(&ada)).await.1 };
    let mut readers = Vec::new();
    for _ in 0..2 {
        // Not a client with a pool, which may keep a connection that nobody reads any more.
        let address = guarded.app.server.url().trim_start_matches("http://");
        let mut reader = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /events HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {ada}\r\n\r\n");
        reader.write_all(request.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"data: 1\n\n\r\n") {
            assert_ne!(timeout(LIMIT, reader.read_buf(&mut read)).await.unwrap().unwrap(), 0);
        }
        readers.push(reader);
    }
    assert_eq!(open().await, "2");
    readers.pop();
    let left = timeout(LIMIT, async {
        while open().await == "2" {
            sleep(Duration::from_millis(200)).await;
        }
    });
    assert!(left.await.is_ok(), "the stream is still open {LIMIT:?} after its reader left");
    // The other reader has received nothing more, but is still connected.
    sleep(LATE).await;
    assert_eq!(open().await, "1");
    assert!(timeout(LATE, readers[0].read_buf(&mut Vec::new())).await.is_err());
}

/// Answers a path that is the number of a case as the case says, `/late` and `/never` with a body that comes late or never,
/// `/events` with an event and no end, `/open` with the number of callers who wait for another one, and `/who` with the id
/// of the person who calls.
async fn serve() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let open = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&open)));
        }
    });
    url
}

async fn answer(mut stream: TcpStream, open: Arc<AtomicUsize>) {
    let mut read = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut read).await {
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
        let Some(path) = head.split(' ').nth(1) else { return };
        if path == "/late" || path == "/never" {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n").await;
            sleep(if path == "/late" { LATE } else { Duration::MAX }).await;
            let _ = stream.write_all(b"body").await;
            read.clear();
            continue;
        }
        if path == "/events" {
            open.fetch_add(1, Ordering::SeqCst);
            let _ = stream.write_all(EVENTS.as_bytes()).await;
            let _ = stream.read_buf(&mut read).await;
            open.fetch_sub(1, Ordering::SeqCst);
            return;
        }
        let number = path.trim_start_matches('/').parse::<usize>().ok();
        let (reply, closes) = match number.and_then(|number| CASES.get(number)) {
            Some((_, _, reply, closes, _)) => ((*reply).to_owned(), *closes),
            None => {
                let id = head.lines().find_map(|line| line.strip_prefix("x-ms-client-principal-id: "));
                let body = if path == "/open" {
                    open.load(Ordering::SeqCst).to_string()
                } else {
                    id.unwrap_or_default().to_owned()
                };
                (format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()), false)
            }
        };
        let reply = match reply.as_str() {
            "LONG" => format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 4\r\n\r\nbody", "y".repeat(1_000_000)),
            "MANY" => format!("HTTP/1.1 200 OK\r\n{}content-length: 4\r\n\r\nbody", "x: y\r\n".repeat(5000)),
            reply => reply.to_owned(),
        };
        if stream.write_all(reply.as_bytes()).await.is_err() || closes {
            return;
        }
        read.clear();
    }
}
