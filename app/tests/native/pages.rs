//! What all pages have in common, and the pages when all goes well.

use http::Method;
use serde_json::json;

use crate::scripted_host::{API, PERSON, World, json_reply};

#[test]
fn the_profile_page_shows_it_all() {
    let world = World::new();
    world.sign_in();
    let page = world.get("/");
    for text in [
        "<h1 id=\"name\">Ada Marsh</h1>",
        "Analyst",
        "mailto:ada@example.com",
        "tel:+15550101",
        "4/1024",
        "The API exchanged the token",
        "1.23 ms",
        "20.0 ms",
        "60.0 ms",
        "api-request-id",
        "<code>aud</code>",
        API,
        "&#34;displayName&#34;: &#34;Ada Marsh&#34;",
        "Signed in as</span> Ada Marsh",
    ] {
        page.shows(text);
    }
    let request = world.last("profile");
    assert!(request.headers()["authorization"].to_str().unwrap().starts_with("Bearer e30."));
    let line = world.last_log_line();
    assert_eq!(request.headers()["client-request-id"], line["request_id"].as_str().unwrap());
    assert_eq!((line["outcome"].as_str(), line["object_id"].as_str()), (Some("ok"), Some(PERSON)));
    assert_eq!(line["api_ms"], 60.0);
}

#[test]
fn profile_values_are_escaped() {
    let world = World::new();
    world.id_token.replace(json!({"name": "<script>alert(1)</script>"}));
    world.sign_in().next("profile", [json_reply(200, &json!({"displayName": "<img src=x onerror=alert(1)>"}))]);
    world.get("/").hides("<script").hides("<img src=x").shows("&#60;img src=x").shows("Not specified");
}

#[test]
fn every_response_has_security_headers() {
    let world = World::new();
    let pages = [world.get("/"), world.get("/nowhere"), world.sign_in().get("/"), world.get("/signin-callback")];
    for page in pages {
        assert_eq!(
            page.header("content-security-policy"),
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' https://login.example; \
             frame-ancestors 'none'; base-uri 'none'"
        );
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        page.hides("<script").hides(" style=").hides("<style");
    }
    for target in ["/", "/nowhere", "/photo", "/sign-in", "/style.css", "/icon.svg", "/signed-out"] {
        let answered = world.get(target);
        assert_eq!(answered.header("x-content-type-options"), "nosniff", "{target}");
        assert_eq!(answered.header("referrer-policy"), "same-origin", "{target}");
        assert!(answered.header("content-security-policy").starts_with("default-src 'none'; "), "{target}");
        assert_eq!(answered.header("content-length"), answered.body.len().to_string(), "{target}");
        let caching = if target.contains('.') { "public, max-age=300" } else { "no-store" };
        assert_eq!(answered.header("cache-control"), caching, "{target}");
    }
}

#[test]
fn every_page_shows_its_request_id_once() {
    let world = World::new();
    let pages = ["/", "/nowhere", "/signin-callback", "/signed-out"].map(|target| world.get(target).text());
    for page in pages.into_iter().chain([world.sign_in().get("/").text()]) {
        assert_eq!(page.matches("Request id").count(), 1, "{page}");
    }
    world.set("tenant_id", Ok("x")).pass(301);
    // Loads the settings in the background.
    world.get("/");
    assert_eq!(world.get("/").text().matches("Request id").count(), 1);
}

#[test]
fn other_paths_and_methods_have_their_pages() {
    let world = World::new();
    world.get("/nowhere?x").is(404, "not_found");
    let refused = world.request(Method::POST, "/", &[]);
    refused.is(405, "method_not_allowed");
    assert_eq!(refused.header("allow"), "GET, HEAD");
    assert_eq!(world.get("/sign-out").header("allow"), "POST");
    let head = world.request(Method::HEAD, "/", &[]);
    assert!(head.status == 200 && head.body.is_empty() && head.header("content-length") != "0");
}

#[test]
fn wrong_settings_are_logged_but_not_shown() {
    let world = World::new();
    world.set("sessionsecret", Ok("short")).set("api_url", Err("the provider is down"));
    let page = world.get("/");
    page.is(500, "misconfigured").hides("sessionsecret").hides("provider");
    let line = world.last_log_line();
    let cause = line["cause"].as_str().unwrap();
    assert!(cause.contains("sessionsecret: has fewer") && cause.contains("api_url: could not be read (the provider"));
    assert!(!cause.contains("short"));
    assert_eq!(world.get("/style.css").status, 200);
    // A corrected variable takes effect at once.
    world.set("sessionsecret", Ok("0123456789abcdef0123456789abcdef")).set("api_url", Ok("https://api.example"));
    world.get("/").shows("Sign in with Microsoft");
}

#[test]
fn a_session_that_does_not_open_is_none() {
    let world = World::new();
    world.sign_in();
    let cookie = "__Host-profile-session";
    world.change_cookie(cookie, |value| value.truncate(value.len() - 8));
    world.get("/").shows("Sign in with Microsoft");
    assert!(world.cookie_names().is_empty());
    assert_eq!(world.calls("profile"), 0);
    // Neither does one of another registration.
    world.sign_in().set("app_client_id", Ok("44444444-4444-4444-8444-444444444444"));
    world.pass(301);
    // Loads the settings in the background.
    world.get("/");
    world.get("/").shows("Sign in with Microsoft");
}
