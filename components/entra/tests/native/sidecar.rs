//! What the app asks of the sidecar, in the shapes of Microsoft's.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use entra_obo::host::SendFault;
use http::Method;
use serde_json::{Value, json};

use crate::{
    caller_tokens::{token, token_with},
    scripted_host::{Asked, CLIENT, Content, GRAPH, PERSON, Reply, TENANT, World},
};

fn get(target: &str) -> Asked {
    Asked::get(target).within_app().bearer(&token())
}

#[test]
fn validate_says_what_the_token_says() {
    let world = World::new();
    let token = token();
    let answer = world.ask(Asked::get("/Validate").within_app().bearer(&token));
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    let found = answer.json();
    assert_eq!((&found["protocol"], &found["token"]), (&json!("Bearer"), &json!(token)));
    assert_eq!((&found["claims"]["oid"], &found["claims"]["tid"]), (&json!(PERSON), &json!(TENANT)));
    assert_eq!(found.as_object().unwrap().len(), 3);
}

#[test]
fn an_authorization_header_is_exchanged_once_and_remembered_by_scopes() {
    let world = World::new();
    for (target, header) in [
        ("/AuthorizationHeader/graph", "Bearer token-1"),
        ("/authorizationheader/Graph", "Bearer token-1"),
        ("/AuthorizationHeader/graph?optionsOverride.Scopes=Mail.Read", "Bearer token-2"),
        ("/AuthorizationHeader/graph?optionsOverride.Scopes=Mail.Read", "Bearer token-2"),
        ("/AuthorizationHeader/graph?optionsOverride.AcquireTokenOptions.ForceRefresh=true", "Bearer token-3"),
        ("/AuthorizationHeader/graph", "Bearer token-3"),
        // The same scopes are the same token, whatever their order and however often one is named.
        ("/AuthorizationHeader/graph?optionsOverride.Scopes=Mail.Read+User.Read", "Bearer token-4"),
        ("/AuthorizationHeader/graph?optionsOverride.Scopes=User.Read+Mail.Read+User.Read", "Bearer token-4"),
        ("/AuthorizationHeader/graph?optionsOverride.Scopes=Mail.Read+Mail.Read", "Bearer token-2"),
    ] {
        let answer = world.ask(get(target));
        assert_eq!((answer.status, answer.json()), (200, json!({"authorizationHeader": header})), "{target}");
    }
    assert_eq!(world.script.exchanges.borrow().len(), 4);
    assert_eq!(world.arrived().len(), 0);
}

#[test]
fn a_downstream_api_is_called_as_asked() {
    let world = World::new();
    world.upstream(|_| {
        Reply::json(201, &json!({"id": "m"})).header("location", "/m").header("x-many", "1").header("x-many", "2")
    });
    let asked = Asked::new(Method::POST, "/DownstreamApi/graph?optionsOverride.RelativePath=me/messages?$top%3D5")
        .within_app()
        .bearer(&token())
        .header("content-type", "application/json")
        .header("cookie", "never")
        .content(Content::pieces(&["{\"subject\":", "\"Hello\"}"]));
    let answer = world.ask(asked);
    assert_eq!(answer.status, 200);
    let expected = json!({
        "statusCode": 201,
        "headers": {"content-length": ["10"], "content-type": ["application/json"], "location": ["/m"], "x-many": ["1", "2"]},
        "content": "{\"id\":\"m\"}",
    });
    assert_eq!(answer.json(), expected);
    let arrived = world.only();
    assert_eq!(
        (arrived.method.clone(), arrived.uri.clone()),
        (Method::POST, format!("{GRAPH}/v1.0/me/messages?$top=5"))
    );
    assert_eq!(
        (arrived.text().as_str(), arrived.header("authorization")),
        ("{\"subject\":\"Hello\"}", "Bearer token-1")
    );
    assert_eq!((arrived.header("content-type"), arrived.header("accept")), ("application/json", "application/json"));
    assert!(!arrived.headers.contains_key("cookie"));
}

#[test]
fn a_response_without_a_length_and_one_that_is_no_text_come_through() {
    let world = World::new();
    world.upstream(|_| Reply::streamed(200, Content::pieces(&["a", "b", "c"])));
    assert_eq!(world.ask(get("/DownstreamApi/graph")).json()["content"], "abc");
    world.upstream(|_| Reply::new(200, vec![0xff, 0xd8]));
    let found = world.ask(get("/DownstreamApi/graph")).json();
    assert_eq!((&found["content"], &found["contentBase64"]), (&Value::Null, &json!("/9g=")));
    world.upstream(|_| Reply::streamed(204, Content::default()));
    let found = world.ask(get("/DownstreamApi/graph")).json();
    assert_eq!((&found["statusCode"], &found["content"]), (&json!(204), &Value::Null));
    world.upstream(|_| Reply::new(429, "slow down").header("retry-after", "7"));
    let found = world.ask(get("/DownstreamApi/graph")).json();
    assert_eq!((&found["statusCode"], &found["headers"]["retry-after"]), (&json!(429), &json!(["7"])));
}

#[test]
fn a_token_that_the_api_does_not_accept_is_replaced_once() {
    let world = World::new();
    world.upstream(|arrived| match arrived.header("authorization") {
        "Bearer token-1" => Reply::new(401, "no"),
        _ => Reply::new(200, "yes"),
    });
    let found = world.ask(get("/DownstreamApi/graph")).json();
    assert_eq!((&found["statusCode"], &found["content"]), (&json!(200), &json!("yes")));
    world.upstream(|_| Reply::new(401, "never"));
    let found = world.ask(get("/DownstreamApi/graph")).json();
    assert_eq!((&found["statusCode"], &found["content"]), (&json!(401), &json!("never")));
}

#[test]
fn an_api_that_refuses_new_tokens_too_causes_no_further_exchanges_for_a_while() {
    const OF_CALLER: &str = "/DownstreamApi/graph";
    const OF_APPLICATION: &str = "/DownstreamApiUnauthenticated/graph";
    let claims = STANDARD.encode(r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#);
    let challenge = format!("Bearer error=\"insufficient_claims\", claims=\"{claims}\"");
    for (target, challenge) in
        [(OF_CALLER, ""), (OF_CALLER, challenge.as_str()), (OF_APPLICATION, ""), (OF_APPLICATION, challenge.as_str())]
    {
        let world = World::new();
        world.set("application_tokens_for", "graph");
        let refusal = Reply::new(401, "never").header("www-authenticate", challenge);
        world.upstream(move |arrived| match arrived.uri.ends_with("/slow") {
            true => Reply::new(200, "x").after(Duration::from_secs(15)),
            false => refusal.clone(),
        });
        let counts = || (world.forms().len(), world.arrived().len());
        let made = |asked: Asked| {
            let before = counts();
            let answer = world.ask(asked);
            (answer.status, String::from_utf8(answer.body).unwrap(), counts().0 - before.0, counts().1 - before.1)
        };
        let ask = || made(if target == OF_CALLER { get(target) } else { Asked::get(target).within_app() });
        let (status, first, exchanges, calls) = ask();
        assert_eq!((exchanges, calls), (2, 2), "{target} {challenge}");
        for _ in 0..5 {
            let (again, body, exchanges, calls) = ask();
            assert_eq!((again, exchanges, calls), (status, 0, 1), "{target} {challenge}");
            let without_id = |body: &str| body.split("request_id").next().unwrap().to_owned();
            assert_eq!(without_id(&body), without_id(&first));
        }
        // Nobody else is held back, and nothing for longer.
        let other = token_with(|plan| plan.claim("uti", "other"));
        let slow = Asked::get("/DownstreamApi/graph?optionsOverride.RelativePath=slow").within_app().bearer(&other);
        assert_eq!(made(slow).2, 1);
        assert_eq!((ask().2, ask().2), (1, 0), "{target} {challenge}");
    }
}

#[test]
fn claims_that_an_api_asks_for_reach_the_caller() {
    let world = World::new();
    let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;
    let challenge = format!("Bearer error=\"insufficient_claims\", claims=\"{}\"", STANDARD.encode(claims));
    world.upstream(move |_| Reply::new(401, "no").header("www-authenticate", &challenge));
    let answer = world.ask(get("/DownstreamApi/graph"));
    answer.is(401, "claims_challenge");
    assert!(answer.header("www-authenticate").contains(&format!("claims=\"{}\"", STANDARD.encode(claims))));
    assert!(world.forms().last().unwrap()["claims"].contains("nbf"));
}

#[test]
fn a_refusal_keeps_everything_that_the_apps_own_caller_needs() {
    let interaction = json!({"error": "interaction_required", "error_description": "AADSTS50076: x", "error_codes": [50076],
                             "claims": r#"{"access_token":{}}"#, "correlation_id": TENANT, "trace_id": CLIENT});
    let consent = json!({"error": "invalid_grant", "error_description": "AADSTS65001: x", "error_codes": [65001],
                         "suberror": "consent_required"});
    for (reply, status, code, challenged, waits) in [
        (Reply::json(400, &interaction), 401, "claims_challenge", true, ""),
        (Reply::json(400, &consent), 403, "consent_required", true, ""),
        (Reply::json(429, &json!({})).header("retry-after", "17"), 503, "entra_throttled", false, "17"),
    ] {
        for target in ["/AuthorizationHeader/graph", "/DownstreamApi/graph"] {
            let world = World::new();
            world.script.tokens.borrow_mut().extend([reply.clone(), reply.clone()]);
            let answer = world.ask(get(target));
            answer.is(status, code);
            assert_eq!(
                (answer.headers.contains_key("www-authenticate"), answer.header("retry-after")),
                (challenged, waits)
            );
            assert_eq!(world.arrived().len(), 0);
            if code == "claims_challenge" {
                assert_eq!(answer.json()["entra_trace_id"], CLIENT);
            }
        }
    }
}

#[test]
fn a_refusal_pauses_what_it_is_about_and_nothing_else() {
    const ONE: &str = "/AuthorizationHeader/graph?optionsOverride.AcquireTokenOptions.Claims=\
                       %7B%22access_token%22%3A%7B%22acrs%22%3A%7B%22value%22%3A%22c1%22%7D%7D%7D";
    const PLAIN: &str = "/AuthorizationHeader/graph";
    const ANEW: &str = "/AuthorizationHeader/graph?optionsOverride.AcquireTokenOptions.ForceRefresh=true";
    const SCOPES: &str = "/AuthorizationHeader/graph?optionsOverride.Scopes=Mail.Read";
    const OTHER: &str = "/AuthorizationHeader/orders";
    let another = ONE.replace("c1", "c2");
    let interaction =
        json!({"error": "interaction_required", "error_codes": [50076], "claims": r#"{"access_token":{}}"#});
    let consent = json!({"error": "invalid_grant", "error_codes": [65001], "suberror": "consent_required"});
    let looping = json!({"error": "invalid_grant", "error_codes": [50196]});
    let outage = json!({"error": "temporarily_unavailable"});
    // What is refused, and which requests then cost no exchange.
    for (first, refusal, paused) in [
        (ONE, Reply::json(400, &interaction), &[ONE][..]),
        (PLAIN, Reply::json(400, &interaction), &[PLAIN, ANEW]),
        (PLAIN, Reply::json(400, &consent), &[PLAIN, ANEW]),
        (SCOPES, Reply::json(400, &consent), &[SCOPES]),
        (OTHER, Reply::json(400, &consent), &[OTHER]),
        (ONE, Reply::json(400, &looping), &[ONE, PLAIN, ANEW, &another]),
        (ONE, Reply::json(503, &outage).header("retry-after", "9"), &[ONE, PLAIN, ANEW, &another]),
        (ONE, Reply::json(429, &outage).header("retry-after", "9"), &[ONE, PLAIN, ANEW, SCOPES, OTHER, &another]),
    ] {
        for next in [ONE, PLAIN, ANEW, SCOPES, OTHER, &another] {
            let world = World::new();
            let graph = world.script.variables.borrow()["downstream_apis"].clone().unwrap();
            world.set("downstream_apis", &format!("{graph}; orders = https://orders.test api://orders/read"));
            // A failed call is made twice.
            world.script.tokens.borrow_mut().extend([refusal.clone(), refusal.clone()]);
            let refused = world.ask(get(first));
            assert_ne!(refused.status, 200, "{first}");
            world.script.tokens.borrow_mut().clear();
            let before = world.script.exchanges.borrow().len();
            let answer = world.ask(get(next));
            let made = world.script.exchanges.borrow().len() - before;
            let expected = if paused.contains(&next) { (refused.status, 0) } else { (200, 1) };
            assert_eq!((answer.status, made), expected, "{first}, then {next}: {answer:?}");
        }
    }
}

#[test]
fn other_claims_each_time_are_no_way_around_a_pause() {
    let world = World::new();
    let with_claims = |number: u32| {
        let claims = format!("%7B%22access_token%22%3A%7B%22nbf%22%3A%7B%22value%22%3A%22{number}%22%7D%7D%7D");
        get(&format!("/AuthorizationHeader/graph?optionsOverride.AcquireTokenOptions.Claims={claims}"))
    };
    let interaction = json!({"error": "interaction_required", "error_codes": [50076]});
    for number in 0..10 {
        world.script.tokens.borrow_mut().push_back(Reply::json(400, &interaction));
        world.ask(with_claims(number)).is(401, "interaction_required");
    }
    assert_eq!(world.forms().len(), 2);
    // Without claims the token is as good as ever. A second later, claims are tried again.
    world.script.tokens.borrow_mut().clear();
    let right = json!({"token_type": "Bearer", "access_token": "plain", "expires_in": 3600});
    world.script.tokens.borrow_mut().push_back(Reply::json(200, &right).after(Duration::from_secs(1)));
    assert_eq!(world.ask(get("/AuthorizationHeader/graph")).json()["authorizationHeader"], "Bearer plain");
    assert_eq!(world.ask(with_claims(10)).status, 200);
}

#[test]
fn a_gateway_that_forwards_to_itself_takes_nobody_for_the_app() {
    for upstream in ["http://entra.spin.internal", "http://Entra.spin.internal/"] {
        let world = World::new();
        world.set("upstream", upstream);
        for target in ["/Validate", "/AuthorizationHeader/graph", "/DownstreamApi/graph", "/healthz", "/other"] {
            world.ask(get(target)).is(500, "server_misconfigured");
            assert!(world.script.log.borrow().last().unwrap().contains("upstream is the address of this component"));
        }
        assert!(world.forms().is_empty() && world.arrived().is_empty());
    }
}

#[test]
fn what_is_not_there_or_not_allowed_is_said() {
    let world = World::new();
    world.ask(get("/AuthorizationHeader/other")).is(404, "downstream_api_unknown");
    world.ask(get("/DownstreamApi/other")).is(404, "downstream_api_unknown");
    world.ask(get("/other")).is(404, "not_found");
    for target in ["/AuthorizationHeaderUnauthenticated/graph", "/DownstreamApiUnauthenticated/graph"] {
        world.ask(get(target)).is(403, "application_tokens_disabled");
    }
    let answer = world.ask(Asked::new(Method::POST, "/Validate").within_app().bearer(&token()));
    answer.is(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), "GET, HEAD");
    world.ask(Asked::get("/Validate").within_app()).is(401, "token_missing");
    let foreign = token_with(|plan| plan.foreign_key = true);
    world.ask(Asked::get("/AuthorizationHeader/graph").within_app().bearer(&foreign)).is(401, "invalid_token");
    assert_eq!(world.script.exchanges.borrow().len(), 0);
    let health = world.ask(Asked::get("/healthz").within_app());
    assert_eq!((health.status, health.json()), (200, json!({"status": "Healthy"})));
    world.set("tenant_id", "x");
    world.another_instance().ask(Asked::get("/healthz").within_app()).is(500, "server_misconfigured");
}

#[test]
fn a_document_has_at_most_about_twice_the_size_of_its_content() {
    const LIMIT: usize = 4 * 1024 * 1024;
    for (byte, is_text) in [
        (b'x', true),
        (b'"', true),
        (b'\\', true),
        (b'\n', true),
        (0x0c, true),
        (0x7f, true),
        (0, false),
        (0x1b, false),
    ] {
        let world = World::new();
        world.upstream(move |_| Reply::new(200, vec![byte; LIMIT]));
        let answer = world.ask(get("/DownstreamApi/graph"));
        assert!(answer.body.len() < 2 * LIMIT + 1024, "{byte}: {} bytes", answer.body.len());
        let found = answer.json();
        assert_eq!((found["content"].is_string(), found["contentBase64"].is_string()), (is_text, !is_text), "{byte}");
        let content = match is_text {
            true => found["content"].as_str().unwrap().as_bytes().to_vec(),
            false => STANDARD.decode(found["contentBase64"].as_str().unwrap()).unwrap(),
        };
        assert!(content == vec![byte; LIMIT], "{byte}");
    }
    // A few control characters in a text do not make it another thing.
    let world = World::new();
    world.upstream(|_| Reply::new(200, "a\u{1b}[1mbold\u{1b}[0m and plain"));
    assert_eq!(world.ask(get("/DownstreamApi/graph")).json()["content"], "a\u{1b}[1mbold\u{1b}[0m and plain");
}

#[test]
fn an_api_that_does_not_answer_is_named() {
    for (reply, status, code) in [
        (Reply::fault(SendFault::Broken("refused".to_owned())), 502, "downstream_unreachable"),
        (Reply::fault(SendFault::Denied(GRAPH.to_owned())), 503, "server_unavailable"),
        (Reply::new(200, "x").after(Duration::from_secs(100)), 504, "downstream_timeout"),
    ] {
        let world = World::new();
        world.upstream(move |_| reply.clone());
        world.ask(get("/DownstreamApi/graph")).is(status, code);
    }
}
