//! What people send who mean harm.

use http::{HeaderMap, HeaderValue, Method};

use crate::{
    caller_tokens::{token, token_with},
    scripted_host::{Asked, Content, PERSON, Reply, World},
};

/// Headers by which the app knows its caller, in the spellings that reach it as the same.
const SPOOFED: [&str; 16] = [
    "x-ms-client-principal",
    "X-MS-CLIENT-PRINCIPAL-ID",
    "x-ms-client-principal-name",
    "x-ms-client-principal-idp",
    "x-ms-client-principal-anything",
    "x-ms-token-aad-access-token",
    "x-ms-token-aad-expires-on",
    "x-ms-token-aad-id-token",
    "x-ms-token-aad-refresh-token",
    "x_ms_client_principal_id",
    "x-ms_client-principal_name",
    "x-ms.client-principal-id",
    "x-user",
    "x_user",
    "x~user",
    "spin-client-addr",
];

#[test]
fn a_spoofed_header_never_arrives() {
    for target in ["/orders", "/health"] {
        let world = World::new();
        world.set("claims_to_headers", "x-user=oid");
        let mut asked = Asked::get(target).bearer(&token());
        for name in SPOOFED {
            asked = asked.header(name, "spoofed");
        }
        assert_eq!(world.ask(asked).status, 200);
        let arrived = world.only();
        let spoofed = arrived.headers.iter().filter(|(_, value)| value.as_bytes() == b"spoofed");
        assert_eq!(spoofed.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), [""; 0], "{target}");
        let expected = if target == "/health" { "" } else { PERSON };
        assert_eq!(arrived.header("x-ms-client-principal-id"), expected);
    }
}

/// A header of claims whose name reaches the app in several spellings could not be distinguished from one that a caller made up.
#[test]
fn a_header_of_claims_has_a_name_that_nobody_can_disguise() {
    for name in ["x-user.id", "x-user~id", "x-user_id", "x-user!"] {
        for target in ["/orders", "/health"] {
            let world = World::new();
            world.set("claims_to_headers", &format!("{name}=claim_that_the_token_does_not_have"));
            let answer = world.ask(Asked::get(target).bearer(&token()).header(name, "spoofed"));
            answer.is(500, "server_misconfigured");
            assert_eq!(world.arrived().len(), 0, "{name} {target}");
        }
    }
}

/// Headers that make some frameworks route by another target than the one that was judged, frame a body in another way,
/// use another proxy, or believe another address.
const MISLEADING: [&str; 9] = [
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x_original_url",
    "proxy",
    "forwarded",
    "transfer_encoding",
    "content_length",
    "x_forwarded_for",
];

#[test]
fn a_misleading_header_never_arrives() {
    let world = World::new();
    for target in ["/orders", "/health"] {
        for name in MISLEADING {
            assert_eq!(world.ask(Asked::get(target).bearer(&token()).header(name, "/admin")).status, 200);
            assert!(!world.arrived().pop().unwrap().headers.contains_key(name), "{name}");
        }
    }
}

#[test]
fn a_sender_cannot_take_out_what_a_proxy_in_front_added() {
    let world = World::new();
    for (name, value) in
        [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "https"), ("x-forwarded-client-cert", "Hash=1")]
    {
        for listed in [name.to_owned(), format!("close, {}", name.to_ascii_uppercase())] {
            world.ask(Asked::get("/").bearer(&token()).header("connection", &listed).header(name, value));
            assert_eq!(world.arrived().pop().unwrap().header(name), value, "{listed}");
        }
    }
}

#[test]
fn heads_that_no_host_sends_on_are_refused_in_words() {
    let world = World::new();
    let long = "x".repeat(64 * 1024);
    let asked = |names: &[&'static str]| {
        names.iter().fold(Asked::get("/orders").bearer(&token()), |asked, name| asked.header(name, &long))
    };
    assert_eq!(world.ask(asked(&["x-one"])).status, 200);
    world.ask(asked(&["x-one", "x-two"])).is(431, "request_head_too_large");
    assert_eq!(world.arrived().len(), 1);
    let many = (0..1500).fold(Asked::get("/health"), |asked, _| asked.header("x", ""));
    world.ask(many).is(431, "request_head_too_large");
    let long = long.clone();
    world.upstream(move |_| Reply::new(200, "x").header("x-one", &long).header("x-two", &long));
    world.ask(Asked::get("/orders").bearer(&token())).is(502, "app_unreachable");
}

#[test]
fn nobody_gets_an_echo_of_what_the_gateway_adds() {
    let world = World::new();
    world.set("access_token_for", "graph");
    for target in ["/orders", "/health"] {
        let answer = world.ask(Asked::new(Method::TRACE, target).bearer(&token()));
        answer.is(405, "method_not_allowed");
        assert!(answer.header("allow").contains("GET, ") && !answer.header("allow").contains("TRACE"));
    }
    assert_eq!(world.arrived().len(), 0);
}

#[test]
fn a_spoofed_trailer_never_arrives() {
    let world = World::new();
    world.set("claims_to_headers", "x-user=oid");
    let mut trailers = HeaderMap::new();
    let others = ["authorization", "cookie", "transfer-encoding", "host", "content-length", "content-type"];
    let forwarded =
        ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "request-id", "traceparent"];
    for name in SPOOFED.iter().chain(&others).chain(&forwarded).chain(&MISLEADING) {
        trailers.insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("spoofed"));
    }
    trailers.insert("x-checksum", HeaderValue::from_static("right"));
    let content = Content { trailers: Some(trailers), ..Content::of("body") };
    world.ask(Asked::new(Method::POST, "/").bearer(&token()).content(content));
    let arrived = world.only().trailers.unwrap();
    assert_eq!(arrived, HeaderMap::from_iter([("x-checksum".parse().unwrap(), HeaderValue::from_static("right"))]));
}

#[test]
fn what_belongs_to_the_connection_stays_there() {
    let world = World::new();
    let asked = Asked::get("/")
        .bearer(&token())
        .header("connection", "x-hop, authorization, x-ms-client-principal-id")
        .header("x-hop", "1")
        .header("te", "trailers, deflate")
        .header("upgrade", "h2c")
        .header("http2-settings", "x")
        .header("host", "evil.test")
        .header("proxy-authorization", "Basic x")
        .header("expect", "100-continue");
    assert_eq!(world.ask(asked).status, 200);
    let arrived = world.only();
    for name in ["connection", "x-hop", "upgrade", "http2-settings", "host", "proxy-authorization", "expect"] {
        assert!(!arrived.headers.contains_key(name), "{name}");
    }
    assert_eq!(arrived.header("te"), "trailers");
    // Nobody makes the gateway drop what it adds, or what the app needs.
    assert!(arrived.headers.contains_key("authorization") && arrived.headers.contains_key("x-ms-client-principal-id"));
}

#[test]
fn a_path_that_the_policy_did_not_judge_is_refused() {
    let world = World::new();
    for target in [
        "/static/../orders",
        "/static/%2e%2e/orders",
        "/static/..%2forders",
        "/static/%252e%252e/orders",
        "/static/..;/orders",
        "/static/..\\orders",
        "/static//orders",
        "//evil.test/orders",
        "http://evil.test/health",
        "*",
        "health",
        "",
        "/static/%00",
        "/static/a%0d%0aHost:x",
        "/static/a b",
        "/static/#x",
        "/static/%zz",
    ] {
        for bearer in [None, Some(token())] {
            let asked = Asked::get(target);
            world
                .ask(match &bearer {
                    Some(bearer) => asked.bearer(bearer),
                    None => asked,
                })
                .is(400, "invalid_path");
        }
    }
    assert_eq!(world.arrived().len(), 0);
}

#[test]
fn a_web_socket_is_refused_in_words() {
    let world = World::new();
    for asked in [
        Asked::get("/chat").header("upgrade", "WebSocket"),
        Asked::get("/chat").header("upgrade", "h2c, websocket"),
        Asked::get("/chat").header("sec-websocket-key", "x"),
        Asked::new(Method::CONNECT, "/chat"),
    ] {
        world.ask(asked.bearer(&token())).is(501, "upgrade_not_supported");
    }
    assert_eq!(world.arrived().len(), 0);
}

#[test]
fn the_sidecar_cannot_be_reached_from_outside() {
    let world = World::new();
    // The app serves these paths to whom the policy admits, as any other.
    for target in ["/Validate", "/AuthorizationHeader/graph", "/DownstreamApi/graph", "/healthz"] {
        for addresses in [&["203.0.113.7:1234"][..], &["0.0.0.0:0", "203.0.113.7:1234"], &[]] {
            let mut asked = Asked::get(target).bearer(&token());
            for address in addresses {
                asked = asked.header("spin-client-addr", address);
            }
            let answer = world.ask(asked);
            assert_eq!((answer.status, answer.body.as_slice()), (200, b"hello".as_slice()), "{target}");
            let mut asked = Asked::get(target);
            for address in addresses {
                asked = asked.header("spin-client-addr", address);
            }
            world.ask(asked).is(401, "token_missing");
        }
    }
    assert_eq!(world.script.exchanges.borrow().len(), 0);
    let alone = World::new();
    alone.set("upstream", "").set("public_paths", "");
    for target in ["/Validate", "/AuthorizationHeader/graph", "/healthz", "/"] {
        alone.ask(Asked::get(target).bearer(&token())).is(404, "not_found");
    }
}

#[test]
fn people_never_mix() {
    let world = World::new();
    world.set("access_token_for", "graph");
    world.upstream(|arrived| {
        let seen =
            ["x-ms-client-principal-id", "x-ms-token-aad-access-token"].map(|name| arrived.header(name).to_owned());
        Reply::new(200, format!("{} {} {}", seen[0], seen[1], arrived.text()))
    });
    let person = |number: u32| format!("33333333-3333-4333-8333-{number:012}");
    let tokens: Vec<String> = (0..40).map(|number| token_with(|plan| plan.claim("oid", person(number)))).collect();
    let mut token_of: std::collections::BTreeMap<usize, String> = std::collections::BTreeMap::new();
    for _round in 0..3 {
        let asked = tokens.iter().enumerate().map(|(number, token)| {
            Asked::new(Method::POST, "/").bearer(token).content(Content::of(format!("body-{number}")))
        });
        for (number, answer) in world.all(asked.collect()).into_iter().enumerate() {
            let text = String::from_utf8(answer.body).unwrap();
            let words: Vec<&str> = text.split(' ').collect();
            assert_eq!(
                (words[0], words[2]),
                (person(number.try_into().unwrap()).as_str(), format!("body-{number}").as_str())
            );
            let own = token_of.entry(number).or_insert_with(|| words[1].to_owned());
            assert_eq!(own, words[1]);
        }
    }
    let all: std::collections::BTreeSet<&String> = token_of.values().collect();
    assert_eq!(all.len(), 40);
}
