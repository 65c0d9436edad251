//! Callers that do what HTTP allows and few do, or go away in the middle: each gets their own answer, and nobody else notices.

use std::{cell::Cell, time::Duration};

use cargo_dev::component::Component;
use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::entra::Guarded;

/// In the last round of calls no token is revoked.
const LAST: usize = 3;

/// More than any of these takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

async fn guarded() -> Guarded {
    let guarded = Guarded::start(Component::Probe, &[("access_token_for", "graph")]).await;
    assert_eq!(guarded.get("/seen", Some(&guarded.token("ada"))).await.0, StatusCode::OK);
    guarded
}

async fn connect(guarded: &Guarded) -> TcpStream {
    TcpStream::connect(guarded.app.server.url().trim_start_matches("http://")).await.unwrap()
}

/// The first lines of a request of Ada's.
fn head(guarded: &Guarded, line: &str) -> String {
    let host = guarded.app.server.url().trim_start_matches("http://");
    format!("{line}\r\nhost: {host}\r\nauthorization: Bearer {}\r\n", guarded.token("ada"))
}

/// All that comes back until the connection ends.
async fn rest(mut stream: TcpStream) -> String {
    let mut read = Vec::new();
    let _ = timeout(LIMIT, stream.read_to_end(&mut read)).await.expect("the connection ends");
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_of_any_size_are_served_or_refused_in_words() {
    let guarded = guarded().await;
    let header = |bytes: usize| format!("x-long: {}\r\n", "y".repeat(bytes));
    for (what, headers, statuses) in [
        ("a long header", header(64_000), &["200"][..]),
        ("a header that is too long", header(130_000), &["431"]),
        ("a header that no host takes", header(2_000_000), &["400", "431"]),
        ("many headers", "x-many: y\r\n".repeat(80), &["200"]),
        ("too many headers", "x-many: y\r\n".repeat(20_000), &["400", "431"]),
    ] {
        let mut stream = connect(&guarded).await;
        let request = format!("{}connection: close\r\n{headers}\r\n", head(&guarded, "GET /seen HTTP/1.1"));
        // The host may close the connection before it has read all.
        let _ = stream.write_all(request.as_bytes()).await;
        let answer = rest(stream).await;
        let line = answer.lines().next().unwrap_or_default();
        let is_expected = statuses.iter().any(|status| line.starts_with(&format!("HTTP/1.1 {status}")));
        let is_reset = answer.is_empty() && statuses.len() > 1;
        assert!(is_expected || is_reset, "{what}: {line} {:?}", guarded.app.server.log_lines().last());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_and_rare_requests_are_served() {
    let guarded = guarded().await;
    let mut stream = connect(&guarded).await;
    stream.write_all(format!("{}\r\n", head(&guarded, "GET /seen HTTP/1.0")).as_bytes()).await.unwrap();
    let answer = rest(stream).await;
    assert!(answer.contains(" 200 OK") && answer.contains("\"target\":\"/seen\""), "{answer}");
    assert!(!answer.to_ascii_lowercase().contains("transfer-encoding"), "{answer}");

    // The answer to a HEAD has no content, even if the app gives it some, and the next answer follows at once.
    let mut stream = connect(&guarded).await;
    let first = head(&guarded, "HEAD /seen HTTP/1.1");
    let second = head(&guarded, "GET /second HTTP/1.1");
    stream.write_all(format!("{first}\r\n{second}connection: close\r\n\r\n").as_bytes()).await.unwrap();
    let answer = rest(stream).await;
    let (head_answer, next) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head_answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(next.starts_with("HTTP/1.1 200") && next.contains("\"target\":\"/second\""), "{answer}");

    // A body that comes a byte at a time.
    let mut stream = connect(&guarded).await;
    let request = head(&guarded, "POST /echo HTTP/1.1");
    stream.write_all(format!("{request}connection: close\r\ncontent-length: 20\r\n\r\n").as_bytes()).await.unwrap();
    for byte in b"twenty slow bytes...".chunks(1) {
        stream.write_all(byte).await.unwrap();
        sleep(Duration::from_millis(30)).await;
    }
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let chunks = answer.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(chunks.split("\r\n").skip(1).step_by(2).collect::<String>(), "twenty slow bytes...", "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_go_away_are_not_noticed_by_others() {
    let guarded = guarded().await;
    let upload = head(&guarded, "POST /echo HTTP/1.1");
    let refused = upload.replace("authorization: Bearer ", "authorization: Bearer x");
    for _ in 0..20 {
        // In the head, in the body, and in the answer.
        let mut streams = Vec::new();
        for request in [
            upload.clone(),
            format!("{upload}content-length: 100000\r\n\r\nbegun"),
            format!("{upload}transfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n5\r\nbe"),
            format!("{refused}content-length: 100000\r\n\r\nbegun"),
            format!("{upload}content-length: 60000\r\n\r\n{}", "x".repeat(60_000)),
        ] {
            let mut stream = connect(&guarded).await;
            stream.write_all(request.as_bytes()).await.unwrap();
            streams.push(stream);
        }
        sleep(Duration::from_millis(20)).await;
        drop(streams);
    }
    let person = guarded.app.tenant.person("pia").unwrap().object_id.clone();
    for _ in 0..10 {
        let (status, text) =
            timeout(LIMIT, guarded.get("/seen", Some(&guarded.token("pia")))).await.expect("an answer");
        assert!(status == StatusCode::OK && text.contains(&person), "{status} {text}");
    }
    let failures = ["an instance failed", "wasm trap", "panicked at"];
    let lines = guarded.app.server.settled_log_lines().await;
    assert!(!lines.iter().any(|line| failures.iter().any(|failure| line.contains(failure))), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_people_at_once_get_what_is_theirs_also_while_their_tokens_are_revoked() {
    let guarded = guarded().await;
    let tenant = &guarded.app.tenant;
    let people = tenant.add_members(30);
    let tokens: Vec<_> = people.iter().map(|person| tenant.access_token(person, |_| {})).collect();
    let sidecar = "/call/entra.spin.internal/DownstreamApi/graph?optionsOverride.RelativePath=me";
    let were_revoked: Vec<Cell<bool>> = people.iter().map(|_| Cell::default()).collect();
    for round in 0..=LAST {
        let calls = people.iter().zip(&tokens).zip(&were_revoked).map(async |((person, token), was_revoked)| {
            let body = format!("{} in round {round}", person.object_id).repeat(500);
            let echo =
                guarded.client.post(format!("{}/echo", guarded.app.server.url())).bearer_auth(token).body(body.clone());
            let echo = async { echo.send().await.unwrap().text().await.unwrap() };
            let (echo, seen, profile) =
                tokio::join!(echo, guarded.get("/seen", Some(token)), guarded.get(sidecar, Some(token)));
            assert!(echo == body, "another body: {}", echo.chars().take(300).collect::<String>());
            let seen: Value = serde_json::from_str(&seen.1).unwrap_or_else(|_| panic!("{seen:?}"));
            let id = json!(["x-ms-client-principal-id", person.object_id]);
            assert!(seen["headers"].as_array().unwrap().contains(&id), "{seen}");
            let found: Value = serde_json::from_str(&profile.1).unwrap_or_else(|_| panic!("{profile:?}"));
            // A new token may be revoked as well before Graph sees it. Then no further one is fetched for a while.
            let is_revoked = found["statusCode"] == 401 && (round < LAST || was_revoked.get());
            was_revoked.set(is_revoked);
            let is_own = found["content"].as_str().is_some_and(|text| text.contains(&person.object_id));
            assert!(is_own || is_revoked, "{found}");
        });
        let revoking = async {
            for person in people.iter().filter(|_| round < LAST) {
                tenant.revoke_graph_tokens(person);
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(LIMIT * 2, async { tokio::join!(join_all(calls), revoking) }).await.expect("answers");
    }
}
