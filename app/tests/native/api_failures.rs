//! What the API responds instead of a profile.

use bytes::Bytes;
use entra_obo::host::SendFault;
use http::Response;
use serde_json::json;

use crate::scripted_host::{AUTHORITY, World, json_reply, problem};

#[test]
fn every_refusal_has_its_page() {
    for (status, code, expected, title) in [
        (401, "interaction_required", 403, "You need to sign in again"),
        (401, "token_refused", 403, "You need to sign in again"),
        (401, "invalid_token", 403, "The API does not accept your token"),
        (403, "access_denied", 403, "You do not have access to this API"),
        (403, "consent_required", 403, "The API needs your consent"),
        (403, "insufficient_scope", 403, "The API does not allow this app"),
        (403, "client_not_allowed", 403, "The API does not allow this app"),
        (403, "graph_forbidden", 403, "Microsoft Graph refused"),
        (404, "graph_not_found", 403, "Microsoft Graph refused"),
        (429, "graph_throttled", 503, "Temporarily unavailable"),
        (503, "entra_throttled", 503, "Temporarily unavailable"),
        (503, "graph_unavailable", 503, "Temporarily unavailable"),
        (500, "server_misconfigured", 502, "The API failed"),
        (502, "graph_unusable_answer", 502, "The API failed"),
        (504, "request_timeout", 502, "The API failed"),
        (400, "invalid_request", 502, "The API rejected the request"),
        (403, "a_code_of_tomorrow", 403, "The API does not allow this app"),
    ] {
        let world = World::new();
        world.sign_in().next("profile", [problem(status, code, &json!({"entra_trace_id": "the-trace"}))]);
        let page = world.get("/");
        page.is(expected, "api_refused")
            .shows(title)
            .shows(code)
            .shows("The API&#39;s explanation.")
            .shows("the-trace");
        page.shows("55555555-5555-4555-8555-555555555555").shows("Sign out");
        let line = world.last_log_line();
        assert_eq!((line["api_status"].as_u64(), line["api_code"].as_str()), (Some(status.into()), Some(code)));
    }
}

#[test]
fn consent_links_come_from_the_api() {
    let world = World::new();
    let url = |path: &str| format!("{AUTHORITY}/t/{path}?a=b&c=d");
    let links = json!({"consent_url": url("authorize"), "admin_consent_url": url("adminconsent")});
    world.sign_in().next("profile", [problem(403, "consent_required", &links)]);
    let page = world.get("/");
    page.shows(r#"href="https://login.example/t/authorize?a=b&#38;c=d" target="_blank" rel="noopener noreferrer""#);
    page.shows("https://login.example/t/adminconsent");
}

#[test]
fn the_wait_is_shown() {
    let world = World::new();
    let mut reply = problem(429, "graph_throttled", &json!({})).unwrap();
    reply.headers_mut().insert("retry-after", "7".parse().unwrap());
    world.sign_in().next("profile", [Ok(reply)]);
    world.get("/").shows("Wait 7 seconds, then try again.");
}

#[test]
fn an_unreachable_api_and_a_wrong_one_have_different_pages() {
    for (reply, status, code, words) in [
        (Err(SendFault::Broken("connection refused".to_owned())), 502, "api_unreachable", "the connection failed"),
        (Err(SendFault::TimedOut), 504, "api_unreachable", "no response in time"),
        (
            Err(SendFault::Denied("https://denied.example".to_owned())),
            502,
            "api_unreachable",
            "this app is not allowed to call it",
        ),
        (Ok(Response::new(Bytes::from(vec![b' '; 300_000]))), 502, "api_unreachable", "the response cannot be used"),
        (Ok(Response::new(Bytes::from("<html>"))), 502, "api_unusable_answer", "check api_url"),
        (json_reply(200, &json!([])), 502, "api_unusable_answer", "check api_url"),
        (
            Ok(Response::builder().status(404).body(Bytes::from("not found")).unwrap()),
            502,
            "api_unusable_answer",
            "404",
        ),
        (json_reply(302, &json!({})), 502, "api_unusable_answer", "302"),
    ] {
        let world = World::new();
        world.sign_in().next("profile", [reply]);
        world.get("/").is(status, code).shows(words).hides("connection refused");
    }
}

#[test]
fn an_expired_token_is_not_sent() {
    let world = World::new();
    world.sign_in();
    world.pass(3599);
    world.get("/").shows("Ada Marsh");
    world.pass(1);
    world.get("/").is(403, "session_expired").shows("Sign out");
    assert_eq!(world.get("/photo").status, 404);
    assert_eq!((world.calls("profile"), world.calls("photo")), (1, 0));
    assert_eq!(world.leave_for_entra("/sign-in")["login_hint"], "ada@example.com");
}

#[test]
fn a_person_without_a_photo_has_initials() {
    let world = World::new();
    world.sign_in();
    let photo = world.get("/photo");
    assert_eq!((photo.header("content-type"), photo.text().as_str()), ("image/jpeg", "jpeg"));
    let svg = Ok(Response::builder().header("content-type", "image/svg+xml").body(Bytes::from("<svg/>")).unwrap());
    for reply in [problem(404, "graph_not_found", &json!({})), Err(SendFault::TimedOut), svg] {
        world.next("photo", [reply]);
        let photo = world.get("/photo");
        assert_eq!((photo.status, photo.header("content-type")), (200, "image/svg+xml"));
        photo.shows(">AM</text>");
    }
    assert_eq!(World::new().get("/photo").status, 404);
}
