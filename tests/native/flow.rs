//! When everything works: what is sent, in which order, and what is returned.

use http::Method;
use serde_json::{Value, json};

use crate::{
    caller_tokens::{token, token_with},
    scripted_host::{APPLICATION, CLIENT, GRAPH, PERSON, Reply, SECRET, TENANT, World, endpoint_of},
};

#[test]
fn a_caller_gets_the_profile_as_graph_has_it() {
    let world = World::new();
    let answer = world.get(&token());
    assert_eq!((answer.status, answer.json()), (200, json!({"displayName": "Ada"})));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    let endpoints: Vec<&str> = world.script.requests.borrow().iter().map(endpoint_of).collect();
    assert_eq!(endpoints, ["metadata", "keys", "token", "me"]);
}

#[test]
fn the_exchange_is_the_one_that_entra_documents() {
    let world = World::new();
    let token = token();
    assert_eq!(world.get(&token).status, 200);
    let request = world.last("token");
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri().path(), format!("/{TENANT}/oauth2/v2.0/token"));
    assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(request.headers()["content-length"], request.body().len().to_string());
    assert_eq!(request.headers()["x-anchormailbox"], format!("oid:{PERSON}@{TENANT}"));
    let form = world.form();
    let expected = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("requested_token_use", "on_behalf_of"),
        ("client_id", CLIENT),
        ("client_secret", SECRET),
        ("scope", "https://graph.microsoft.com/User.Read"),
        ("assertion", token.as_str()),
        ("claims", r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#),
    ];
    assert_eq!(form.len(), expected.len());
    for (name, value) in expected {
        assert_eq!(form[name], value, "{name}");
    }
    let request = world.last("me");
    assert_eq!(request.uri().to_string(), format!("{GRAPH}/v1.0/me"));
    assert_eq!(request.headers()["authorization"], "Bearer graph-token-1");
}

#[test]
fn select_reaches_graph_and_no_other_query_does() {
    let world = World::new();
    let bearer = format!("Bearer {}", token());
    let answer = world.ask("/api/profile?%24select=id,%20mail", &[("authorization", &bearer)]);
    assert_eq!(answer.status, 200);
    assert_eq!(world.last("me").uri().query(), Some("$select=id,mail"));
    for query in ["?$expand=manager", "?access_token=x", "?$select=id&$select=id", "?$select=id/x"] {
        let calls = world.script.requests.borrow().len();
        let target = format!("/api/profile-get{query}");
        world.ask(&target, &[("authorization", &bearer)]).is(400, "invalid_request");
        assert_eq!(world.script.requests.borrow().len(), calls, "{query}");
    }
}

#[test]
fn version_1_tokens_are_checked_by_version_1_metadata() {
    let world = World::new();
    for audience in [CLIENT.to_owned(), format!("api://{CLIENT}"), format!("api://{CLIENT}/")] {
        let token = token_with(|plan| {
            plan.version_1();
            plan.claim("aud", audience.as_str());
        });
        assert_eq!(world.get(&token).status, 200, "{audience}");
    }
    assert_eq!((world.calls("metadata-v1"), world.calls("keys-v1"), world.calls("metadata")), (1, 1, 0));
}

#[test]
fn version_1_tokens_are_checked_by_the_version_2_keys_where_there_is_no_version_1_metadata() {
    let world = World::new();
    world.next("metadata-v1", [Reply::new(404, "")]);
    assert_eq!(world.get(&token_with(super::caller_tokens::Plan::version_1)).status, 200);
    let foreign = token_with(|plan| {
        plan.version_1();
        plan.foreign_key = true;
    });
    world.get(&foreign).is(401, "invalid_token");
}

#[test]
fn head_is_answered_like_get() {
    let world = World::new();
    let answer = world.request(Method::HEAD, "/api/profile-get", &[("authorization", &format!("Bearer {}", token()))]);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
}

#[test]
fn the_photo_comes_with_its_type_and_its_tag() {
    let world = World::new();
    let bearer = format!("Bearer {}", token());
    let answer = world.ask("/api/profile-get/photo", &[("authorization", &bearer)]);
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"jpeg bytes"[..]));
    assert_eq!((answer.header("content-type"), answer.header("etag")), ("image/jpeg", "\"tag\""));

    world.next("photo", [Reply::new(304, "").header("etag", "\"tag\"")]);
    let answer = world.ask("/api/profile-get/photo", &[("authorization", &bearer), ("if-none-match", "\"tag\"")]);
    assert_eq!(answer.status, 304);
    assert_eq!(world.last("photo").headers()["if-none-match"], "\"tag\"");

    // Graph sends it again all the same.
    for (held, status) in [
        ("\"tag\"", 304),
        ("W/\"tag\"", 304),
        ("\"other\", \"tag\"", 304),
        ("*", 304),
        ("\"other\"", 200),
        ("tag", 200),
        ("\"tag", 200),
        ("", 200),
    ] {
        let answer = world.ask("/api/profile-get/photo", &[("authorization", &bearer), ("if-none-match", held)]);
        assert_eq!(
            (answer.status, answer.header("etag"), answer.body.is_empty()),
            (status, "\"tag\"", status == 304),
            "{held}"
        );
        assert_eq!(answer.headers.contains_key("content-type"), status == 200, "{held}");
    }

    world.next("photo", [Reply::new(200, "jpeg bytes").header("content-type", "image/jpeg")]);
    let answer = world.ask("/api/profile-get/photo", &[("authorization", &bearer), ("if-none-match", "*")]);
    assert_eq!((answer.status, answer.headers.contains_key("etag")), (304, false));

    let gone = Reply::json(404, &json!({"error": {"code": "ImageNotFound", "message": "no"}}));
    world.next("photo", [gone]);
    let answer = world.ask("/api/profile-get/photo", &[("authorization", &bearer)]);
    answer.is(404, "graph_not_found");
    assert_eq!(answer.json()["graph_error_code"], "ImageNotFound");
}

#[test]
fn ids_are_taken_from_the_caller_sent_on_returned_and_logged() {
    let world = World::new();
    let id = "9b3d2f6e-0a4b-4c8d-9e1f-2a3b4c5d6e7f";
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let bearer = format!("Bearer {}", token());
    let headers = [("authorization", bearer.as_str()), ("client-request-id", id), ("traceparent", trace)];
    let answer = world.ask("/api/profile-get", &headers);
    assert_eq!((answer.header("client-request-id"), answer.header("traceparent")), (id, trace));
    for endpoint in ["metadata", "keys", "token", "me"] {
        let request = world.last(endpoint);
        assert_eq!(request.headers()["client-request-id"], id, "{endpoint}");
        assert_eq!(request.headers()["traceparent"], trace, "{endpoint}");
    }
    let line: Value = serde_json::from_str(&world.script.log.borrow()[0]).unwrap();
    assert_eq!(line["client_request_id"], id);
    assert_eq!(line["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(line["request_id"], answer.header("request-id"));

    // Malformed ids are replaced, and never repeated.
    let evil = [("authorization", bearer.as_str()), ("client-request-id", "x\",\"y"), ("traceparent", "00-x")];
    let answer = world.ask("/api/profile-get", &evil);
    assert_eq!(answer.header("client-request-id"), answer.header("request-id"));
    assert_eq!(answer.header("traceparent").len(), 55);
    assert!(!world.script.log.borrow()[1].contains("x\\\""));
}

#[test]
fn one_line_is_logged_for_each_request_and_no_secret_is_in_it() {
    let world = World::new();
    let token = token();
    world.get(&token);
    let log = world.script.log.borrow();
    assert_eq!(log.len(), 1, "{log:?}");
    let line: Value = serde_json::from_str(&log[0]).unwrap();
    for (name, value) in [
        ("event", json!("request")),
        ("outcome", json!("ok")),
        ("status", json!(200)),
        ("method", json!("GET")),
        ("path", json!("/api/profile-get")),
        ("tenant_id", json!(TENANT)),
        ("object_id", json!(PERSON)),
        ("client_id", json!(APPLICATION)),
        ("token_from", json!("exchange")),
    ] {
        assert_eq!(line[name], value, "{name}");
    }
    let signature = token.rsplit('.').next().unwrap();
    for secret in [token.as_str(), signature, SECRET, "graph-token-1", "Ada", "user_impersonation"] {
        assert!(!log[0].contains(secret), "{secret} in {}", log[0]);
    }
}

#[test]
fn server_timing_is_sent_when_it_is_on() {
    let world = World::new();
    assert_eq!(world.get(&token()).header("server-timing"), "");
    let world = World::new();
    world.set("server_timing", "on");
    let timing = world.get(&token()).header("server-timing").to_owned();
    for part in ["validate;dur=", "exchange;desc=\"exchange\";dur=", "graph;dur=", "total;dur="] {
        assert!(timing.contains(part), "{timing}");
    }
}
