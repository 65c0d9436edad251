//! Requests from outside: who gets in, what the app learns, and what comes back.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use entra_obo::host::SendFault;
use http::Method;
use serde_json::{Value, json};

use crate::{
    caller_tokens::{token, token_with},
    scripted_host::{APP, AUTHORITY, Asked, CLIENT, Content, GRAPH, HOST, PERSON, Reply, SECRET, TENANT, World},
};

#[test]
fn a_caller_reaches_the_app_and_the_app_knows_who_it_is() {
    let world = World::new();
    let token = token_with(|plan| {
        plan.claim("preferred_username", "ada@contoso.example");
        plan.claim("roles", json!(["reader", "writer"]));
    });
    let answer = world.ask(Asked::get("/orders/7?b=%2F..").bearer(&token).header("accept", "text/plain"));
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"hello".as_slice()));
    let arrived = world.only();
    assert_eq!(
        (arrived.method.clone(), arrived.uri.as_str()),
        (Method::GET, "http://my-api.spin.internal/orders/7?b=%2F..")
    );
    assert_eq!(arrived.header("accept"), "text/plain");
    assert_eq!(arrived.header("authorization"), format!("Bearer {token}"));
    assert_eq!(arrived.header("x-ms-client-principal-id"), PERSON);
    assert_eq!(arrived.header("x-ms-client-principal-name"), "ada@contoso.example");
    assert_eq!(arrived.header("x-ms-client-principal-idp"), "aad");
    let principal = STANDARD.decode(arrived.header("x-ms-client-principal")).unwrap();
    let principal: Value = serde_json::from_slice(&principal).unwrap();
    assert_eq!((&principal["auth_typ"], &principal["role_typ"]), (&json!("aad"), &json!("roles")));
    let claims = principal["claims"].as_array().unwrap();
    for claim in [
        json!({"typ": "oid", "val": PERSON}),
        json!({"typ": "roles", "val": "reader"}),
        json!({"typ": "roles", "val": "writer"}),
    ] {
        assert!(claims.contains(&claim), "{claim}");
    }
    assert!(arrived.headers.keys().all(|name| !name.as_str().starts_with("x-ms-token-")), "{arrived:?}");
    assert_eq!(world.script.exchanges.borrow().len(), 0);
}

#[test]
fn the_app_knows_where_a_request_comes_from_and_how_it_was_addressed() {
    let proxy = [
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-host", "api.contoso.example"),
        ("x-forwarded-proto", "https"),
    ];
    let seen = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];
    for (address, sent, public_url, expected) in [
        ("198.51.100.9:4711", &proxy[..0], "", [&["198.51.100.9"][..], &[HOST], &[]]),
        ("[2001:db8::1]:4711", &proxy[..0], "", [&["2001:db8::1"][..], &[HOST], &[]]),
        ("not an address", &proxy[..0], "", [&[][..], &[HOST], &[]]),
        (
            "198.51.100.9:4711",
            &proxy[..],
            "",
            [&["203.0.113.7, 198.51.100.9"][..], &["api.contoso.example"], &["https"]],
        ),
        (
            "198.51.100.9:4711",
            &proxy[..],
            "https://public.contoso.example",
            [&["203.0.113.7, 198.51.100.9"][..], &["public.contoso.example"], &["https"]],
        ),
    ] {
        let world = World::new();
        world.set("public_url", public_url);
        let mut asked = Asked::get("/").bearer(&token()).header("x_forwarded_for", "spoofed");
        for (name, value) in sent {
            asked = asked.header(name, value);
        }
        // The sender's own, then Spin's.
        world.ask(asked.header("spin-client-addr", "192.0.2.1:1").header("spin-client-addr", address));
        let arrived = world.only();
        for (name, expected) in seen.into_iter().zip(expected) {
            let values: Vec<&str> = arrived.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
            assert_eq!(values, expected, "{name} from {address}, {public_url}");
        }
        assert!(arrived.headers.keys().all(|name| !name.as_str().contains('_')), "{arrived:?}");
    }
}

/// Many programs read the first line alone, whose end would then be what the sender wrote.
#[test]
fn forwarded_addresses_are_one_line_which_ends_with_that_of_the_connection() {
    for (sent, expected) in [
        (&["203.0.113.7"][..], "203.0.113.7, 198.51.100.9"),
        (&["203.0.113.7, 203.0.113.8", "", "203.0.113.9"], "203.0.113.7, 203.0.113.8, 203.0.113.9, 198.51.100.9"),
        (&[""], "198.51.100.9"),
    ] {
        let world = World::new();
        let asked = Asked::get("/").bearer(&token()).header("spin-client-addr", "198.51.100.9:4711");
        world.ask(sent.iter().fold(asked, |asked, line| asked.header("x-forwarded-for", line)));
        let arrived = world.only();
        let lines: Vec<_> = arrived.headers.get_all("x-forwarded-for").iter().collect();
        assert_eq!(lines, [expected], "{sent:?}");
    }
}

/// HTTP/2 lets a client send each cookie in a line of its own (RFC 9113 section 8.2.3), HTTP/1.1 does not.
#[test]
fn cookies_arrive_in_one_line() {
    let world = World::new();
    world.ask(Asked::get("/").bearer(&token()).header("cookie", "a=1").header("cookie", "b=2; c=3"));
    let arrived = world.only();
    assert_eq!(arrived.headers.get_all("cookie").iter().collect::<Vec<_>>(), ["a=1; b=2; c=3"]);
}

#[test]
fn every_refusal_keeps_all_of_the_request_within_app() {
    let world = World::new();
    let wrong = token_with(|plan| plan.claim("aud", "another"));
    let app_only = token_with(super::caller_tokens::Plan::app_only);
    for (authorization, status, code) in [
        (None, 401, "token_missing"),
        (Some("Basic eA==".to_owned()), 401, "token_missing"),
        (Some("Bearer x".to_owned()), 401, "invalid_token"),
        (Some(format!("Bearer {wrong}")), 401, "invalid_token"),
        (Some(format!("Bearer {app_only}")), 403, "app_only_token"),
    ] {
        let mut asked = Asked::new(Method::POST, "/orders").content(Content::of("body"));
        if let Some(authorization) = &authorization {
            asked = asked.header("authorization", authorization);
        }
        let answer = world.ask(asked);
        answer.is(status, code);
        let url = format!("resource_metadata=\"https://{HOST}/.well-known/oauth-protected-resource/orders\"");
        assert!(answer.header("www-authenticate").contains(&url), "{answer:?}");
    }
    assert_eq!(world.arrived().len(), 0);
}

#[test]
fn a_path_is_public_only_exactly_as_it_is_listed() {
    let world = World::new();
    for (target, is_public) in [
        ("/health", true),
        ("/health?x=1", true),
        ("/static/app.css", true),
        ("/static/a/b", true),
        ("/Health", false),
        ("/health/", false),
        ("/healthy", false),
        ("/static", false),
        ("/static/a%20b", false),
        ("/static/a;b", false),
        ("/%68ealth", false),
    ] {
        let before = world.arrived().len();
        let answer = world.ask(Asked::get(target));
        assert_eq!(answer.status, if is_public { 200 } else { 401 }, "{target}");
        assert_eq!(world.arrived().len() - before, usize::from(is_public), "{target}");
    }
    // Nobody is anyone there, with a token or without.
    world.ask(Asked::get("/health").bearer(&token()));
    let arrived = world.arrived().pop().unwrap();
    assert!(arrived.headers.keys().all(|name| !name.as_str().starts_with("x-ms-")), "{arrived:?}");
}

#[test]
fn the_app_gets_the_token_that_a_setting_names_and_claims_in_headers_of_their_own() {
    let world = World::new();
    world.set("access_token_for", "Graph").set("forward_authorization", "off");
    world.set("claims_to_headers", "x-user=oid, x-roles=roles");
    let token = token_with(|plan| plan.claim("roles", json!(["reader", "writer"])));
    assert_eq!(world.ask(Asked::get("/").bearer(&token)).status, 200);
    let arrived = world.only();
    assert_eq!(arrived.header("x-ms-token-aad-access-token"), "token-1");
    assert_eq!(arrived.header("x-ms-token-aad-expires-on"), "2027-01-15T08:58:00Z");
    assert_eq!((arrived.header("x-user"), arrived.header("x-roles")), (PERSON, "reader,writer"));
    assert!(!arrived.headers.contains_key("authorization"));
}

#[test]
fn everyone_is_named_by_their_own_token_and_the_settings_of_today_however_often_they_call() {
    let world = World::new();
    world.set("claims_to_headers", "x-user=oid");
    let people = [PERSON, TENANT, CLIENT].map(|oid| (oid, token_with(|plan| plan.claim("oid", json!(oid)))));
    let ask_as_each = || {
        for (oid, token) in &people {
            assert_eq!(world.ask(Asked::get("/").bearer(token)).status, 200);
            let arrived = world.arrived().pop().unwrap();
            assert_eq!(arrived.header("x-ms-client-principal-id"), *oid);
            let principal = STANDARD.decode(arrived.header("x-ms-client-principal")).unwrap();
            let principal: Value = serde_json::from_slice(&principal).unwrap();
            assert!(
                principal["claims"].as_array().unwrap().contains(&json!({"typ": "oid", "val": oid})),
                "{principal}"
            );
        }
        world.arrived().pop().unwrap()
    };
    for _ in 0..3 {
        assert_eq!(ask_as_each().header("x-user"), CLIENT);
    }
    world.set("claims_to_headers", "x-person=oid");
    world.script.time.pass(Duration::from_secs(400));
    ask_as_each();
    let arrived = ask_as_each();
    assert_eq!(arrived.header("x-person"), CLIENT);
    assert!(!arrived.headers.contains_key("x-user"), "{arrived:?}");
}

#[test]
fn a_length_that_is_repeated_in_one_line_does_not_cost_the_body() {
    for method in [Method::GET, Method::POST] {
        let world = World::new();
        let content = Content::of("body");
        let asked = Asked::new(method.clone(), "/").bearer(&token()).header("content-length", "4, 4").content(content);
        assert_eq!(world.ask(asked).status, 200);
        let arrived = world.only();
        assert_eq!((arrived.header("content-length"), arrived.text().as_str()), ("4", "body"), "{method}");
    }
}

#[test]
fn an_exchange_that_entra_refuses_is_told_as_the_api_tells_it() {
    let world = World::new();
    world.set("access_token_for", "graph");
    let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let refusal = json!({"error": "interaction_required", "error_description": "AADSTS50079: more", "error_codes": [50079],
                         "claims": claims, "correlation_id": TENANT, "trace_id": CLIENT});
    world.script.tokens.borrow_mut().push_back(Reply::json(400, &refusal));
    let answer = world.ask(Asked::get("/").bearer(&token()));
    answer.is(401, "claims_challenge");
    assert_eq!(answer.json()["claims"], claims);
    assert_eq!(answer.json()["entra_correlation_id"], TENANT);
    assert!(answer.header("www-authenticate").contains(&format!("claims=\"{}\"", STANDARD.encode(claims))));
    assert_eq!(world.arrived().len(), 0);
}

#[test]
fn the_response_comes_back_within_app_made_it() {
    let world = World::new();
    world.upstream(|_| {
        Reply::new(418, "short")
            .header("content-type", "text/x")
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .header("www-authenticate", "Custom x")
            .header("connection", "x-hop, close")
            .header("x-hop", "1")
            .header("keep-alive", "timeout=5")
            .header("cache-control", "max-age=5")
    });
    let answer = world.ask(Asked::get("/").bearer(&token()));
    assert_eq!((answer.status, answer.body.as_slice()), (418, b"short".as_slice()));
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
    let rest = ["content-type", "www-authenticate", "cache-control", "content-length"]
        .map(|name| answer.header(name).to_owned());
    assert_eq!(rest, ["text/x", "Custom x", "max-age=5", "5"]);
    for name in ["connection", "x-hop", "keep-alive", "request-id", "vary"] {
        assert!(!answer.headers.contains_key(name), "{name}");
    }
}

#[test]
fn head_and_options_pass_and_a_body_stays_out_of_where_none_belongs() {
    let world = World::new();
    world.upstream(|arrived| match arrived.method {
        Method::HEAD => Reply::streamed(200, Default::default()).header("content-length", "1234"),
        Method::OPTIONS => Reply::streamed(204, Default::default()).header("allow", "GET"),
        _ => Reply::streamed(304, Default::default()).header("etag", "\"a\""),
    });
    for (method, status, name, value) in [
        (Method::HEAD, 200, "content-length", "1234"),
        (Method::OPTIONS, 204, "allow", "GET"),
        (Method::GET, 304, "etag", "\"a\""),
    ] {
        let answer = world.ask(Asked::new(method.clone(), "/").bearer(&token()));
        assert_eq!((answer.status, answer.header(name), answer.streamed), (status, value, false), "{method}");
    }
    let extension = Method::from_bytes(b"PROPFIND").unwrap();
    world.ask(Asked::new(extension.clone(), "/").bearer(&token()));
    assert_eq!(world.arrived().pop().unwrap().method, extension);
}

#[test]
fn a_response_of_a_status_without_content_has_none_and_one_of_no_status_is_none() {
    let world = World::new();
    for status in [204, 205] {
        world.upstream(move |_| Reply::new(status, "HTTP/1.1 200 OK\r\n\r\nsmuggled").header("etag", "\"a\""));
        let answer = world.ask(Asked::get("/").bearer(&token()));
        assert_eq!((answer.status, answer.body.as_slice(), answer.header("etag")), (status, &b""[..], "\"a\""));
        assert!(!answer.headers.contains_key("content-length"), "{status}");
    }
    for status in [101, 103, 600, 799] {
        world.upstream(move |_| Reply::streamed(status, Default::default()));
        world.ask(Asked::get("/").bearer(&token())).is(502, "app_unreachable");
    }
}

/// RFC 9112 section 6.3. Hosts refuse to send a length that is not one number.
#[test]
fn a_response_has_one_length_or_is_none() {
    let world = World::new();
    let reply = |lengths: &[&str]| {
        let reply = Reply::streamed(200, Content::of("body"));
        lengths.iter().fold(reply, |reply, length| reply.header("content-length", length))
    };
    for lengths in [&["4, 4"][..], &["4", "4"], &["04"], &[" 4 ,4 "]] {
        world.upstream(move |_| reply(lengths));
        let answer = world.ask(Asked::get("/").bearer(&token()));
        let seen: Vec<_> = answer.headers.get_all("content-length").iter().collect();
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"body"[..]), "{lengths:?}");
        assert_eq!(seen, ["4"], "{lengths:?}");
    }
    for lengths in [&["4, 5"][..], &["4", "5"], &["+4"], &["-4"], &["4,"], &[""], &["x"], &["99999999999999999999"]] {
        world.upstream(move |_| reply(lengths));
        world.ask(Asked::get("/").bearer(&token())).is(502, "app_unreachable");
    }
}

#[test]
fn an_app_that_does_not_answer_is_not_waited_for_for_ever() {
    let world = World::new();
    world.upstream(|_| Reply::new(200, "late").after(Duration::from_secs(3600)));
    world.ask(Asked::get("/").bearer(&token())).is(504, "app_timeout");
    assert_eq!(world.elapsed(), Duration::from_secs(60));
    for (fault, status, code, cause) in [
        (SendFault::Broken("refused".to_owned()), 502, "app_unreachable", "upstream: the connection failed"),
        (
            SendFault::Denied(APP.to_owned()),
            503,
            "server_unavailable",
            "upstream: the host denied a call of http://my-api.spin.internal: add it to allowed_outbound_hosts",
        ),
        (SendFault::TimedOut, 504, "app_timeout", "upstream: no answer in time"),
    ] {
        world.upstream(move |_| Reply::fault(fault.clone()));
        world.ask(Asked::get("/").bearer(&token())).is(status, code);
        let line = world.script.log.borrow().last().unwrap().clone();
        assert!(line.contains(cause), "{cause}: {line}");
    }
}

/// Operators are alerted to each `error`, and to our codes.
#[test]
fn a_failure_of_the_app_itself_is_logged_as_the_apps() {
    let world = World::new();
    for (status, level, outcome) in
        [(200, "info", "ok"), (404, "info", "ok"), (500, "warn", "app_failed"), (503, "warn", "app_failed")]
    {
        world.upstream(move |_| Reply::new(status, "its own"));
        assert_eq!(world.ask(Asked::get("/").bearer(&token())).status, status);
        let line: Value = serde_json::from_str(world.script.log.borrow().last().unwrap()).unwrap();
        assert_eq!((&line["level"], &line["outcome"]), (&json!(level), &json!(outcome)), "{line}");
    }
}

#[test]
fn pages_of_listed_origins_may_call_and_the_gateway_alone_says_which() {
    let world = World::new();
    world.set("allowed_origins", "https://app.test");
    world.upstream(|_| Reply::new(200, "x").header("access-control-allow-origin", "*"));
    let preflight = |origin: &str| {
        let asked = Asked::new(Method::OPTIONS, "/orders").header("origin", origin);
        world.ask(asked.header("access-control-request-method", "PUT"))
    };
    let allowed = preflight("https://app.test");
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (204, "https://app.test"));
    assert!(allowed.header("access-control-allow-methods").contains("PUT"));
    preflight("https://evil.test").is(403, "origin_not_allowed");
    assert_eq!(world.arrived().len(), 0);
    for (origin, allowed) in [("https://app.test", "https://app.test"), ("https://evil.test", "")] {
        let answer = world.ask(Asked::get("/").bearer(&token()).header("origin", origin));
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, allowed));
        assert_eq!(answer.header("vary"), "Origin");
        let refused = world.ask(Asked::get("/").header("origin", origin));
        assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, allowed));
    }
}

#[test]
fn a_client_that_knows_the_address_alone_finds_entra() {
    let world = World::new();
    for (path, url) in [("", None), ("/mcp", None), ("/mcp", Some("https://public.test"))] {
        world.set("public_url", url.unwrap_or_default());
        let world = World { script: std::rc::Rc::clone(&world.script), ..World::new() };
        let answer = world.ask(Asked::get(&format!("/.well-known/oauth-protected-resource{path}")));
        let origin = url.map_or_else(|| format!("https://{HOST}"), str::to_owned);
        let expected = json!({
            "resource": format!("{origin}{path}"),
            "authorization_servers": [format!("{AUTHORITY}/{TENANT}/v2.0")],
            "scopes_supported": [format!("api://{CLIENT}/user_impersonation")],
            "bearer_methods_supported": ["header"],
        });
        assert_eq!((answer.status, answer.json()), (200, expected));
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
    world.ask(Asked::new(Method::POST, "/.well-known/oauth-protected-resource")).is(405, "method_not_allowed");
    assert_eq!(world.arrived().len(), 0);
}

#[test]
fn the_log_says_who_and_never_what() {
    let world = World::new();
    world.set("access_token_for", "graph");
    let token = token();
    world.ask(Asked::get("/secret-path?secret-query").bearer(&token).header("x-secret", "secret-header"));
    world.ask(Asked::get("/secret-path/../x").bearer(&token));
    let log = world.script.log.borrow().join("\n");
    let line: Value = serde_json::from_str(&world.script.log.borrow()[0]).unwrap();
    assert_eq!(
        (&line["route"], &line["object_id"], &line["token_from"]),
        (&json!("gateway"), &json!(PERSON), &json!("exchange"))
    );
    for secret in ["secret-path", "secret-query", "secret-header", SECRET, token.as_str(), "token-1", APP, GRAPH] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
