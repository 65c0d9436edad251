//! Everything that Graph can respond.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use entra_obo::host::SendFault;
use http::Method;
use serde_json::json;

use crate::{
    caller_tokens::{token, token_with},
    scripted_host::{Reply, World, request_head},
};

const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1752041837"}}}"#;

fn challenge() -> Reply {
    let header = format!(
        r#"Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000", error="insufficient_claims", claims="{}", PoP realm="""#,
        STANDARD.encode(CLAIMS)
    );
    Reply::json(401, &json!({"error": {"code": "InvalidAuthenticationToken"}})).header("www-authenticate", &header)
}

fn refused_token() -> Reply {
    Reply::json(401, &json!({"error": {"code": "InvalidAuthenticationToken"}}))
        .header("www-authenticate", r#"Bearer realm="", authorization_uri="x", client_id="y""#)
}

#[test]
fn refusals_keep_their_status_code_and_ids() {
    let cases: [(Reply, u16, &str, &str); 4] = [
        (
            Reply::json(403, &json!({"error": {"code": "Authorization_RequestDenied", "message": "words"}})),
            403,
            "graph_forbidden",
            "",
        ),
        (
            Reply::json(404, &json!({"error": {"code": "Request_ResourceNotFound", "message": "words"}})),
            404,
            "graph_not_found",
            "",
        ),
        (
            Reply::json(429, &json!({"error": {"code": "TooManyRequests", "message": "words"}}))
                .header("retry-after", "2.128"),
            429,
            "graph_throttled",
            "3",
        ),
        (
            Reply::json(503, &json!({"error": {"code": "serviceNotAvailable", "message": "words"}}))
                .header("retry-after", "30"),
            503,
            "graph_unavailable",
            "30",
        ),
    ];
    for (reply, status, code, wait) in cases {
        let world = World::new();
        let graph_code =
            serde_json::from_slice::<serde_json::Value>(&reply.pieces[0]).unwrap()["error"]["code"].clone();
        world.next("me", [reply.header("request-id", "graph-id")]);
        let answer = world.get(&token());
        answer.is(status, code);
        assert_eq!(answer.header("retry-after"), wait, "{code}");
        assert_eq!(
            (&answer.json()["graph_error_code"], &answer.json()["graph_request_id"]),
            (&graph_code, &json!("graph-id"))
        );
        assert!(!String::from_utf8_lossy(&answer.body).contains("words"), "{code}");
        assert_eq!(world.calls("me"), 1, "{code}");
    }
}

#[test]
fn nobody_is_blamed_for_a_select_that_was_not_sent() {
    let bad_request = || Reply::json(400, &json!({"error": {"code": "AuthenticationError", "message": "words"}}));
    let cases = [
        ("/api/profile-get?$select=shoeSize", "me", 400, "graph_rejected_request"),
        ("/api/profile-get", "me", 502, "graph_unusable_answer"),
        ("/api/profile-get/photo", "photo", 404, "graph_not_found"),
    ];
    for (target, endpoint, status, code) in cases {
        let world = World::new();
        world.next(endpoint, [bad_request()]);
        let answer = world.ask(target, &[("authorization", &format!("Bearer {}", token()))]);
        answer.is(status, code);
        let body = answer.json();
        assert_eq!(body["detail"].as_str().unwrap().contains("$select"), status == 400, "{body}");
        assert_eq!(body["graph_error_code"], "AuthenticationError");
    }
}

#[test]
fn people_without_a_mailbox_have_no_photo() {
    for (status, code) in [
        (404, "ErrorEntityNotFound"),
        (404, "MailboxNotEnabledForRESTAPI"),
        (403, "MailboxNotEnabledForRESTAPI"),
        (400, "AuthenticationError"),
        (401, "UnknownError"),
        (401, "OrganizationFromTenantGuidNotFound"),
    ] {
        let world = World::new();
        let authorization = format!("Bearer {}", token());
        for _ in 0..2 {
            world.next("photo", [Reply::json(status, &json!({"error": {"code": code}}))]);
            let answer = world.ask("/api/profile-get/photo", &[("authorization", &authorization)]);
            assert_eq!((answer.status, answer.code().as_str()), (404, "graph_not_found"), "{status} {code}");
        }
        // The token is good, and nothing else was called.
        assert_eq!((world.calls("token"), world.calls("photo")), (1, 2), "{status} {code}");
        assert_eq!(world.get(&token()).status, 200);
    }
}

#[test]
fn claims_are_found_in_a_challenge_with_an_address_without_quotes() {
    let header = format!(
        r#"Bearer realm="", authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize, client_id="00000003-0000-0000-c000-000000000000", error="insufficient_claims", claims="{}", errorDescription="Continuous access evaluation resulted in claims challenge""#,
        STANDARD.encode(CLAIMS)
    );
    let world = World::new();
    let reply = Reply::json(401, &json!({"error": {"code": "InvalidAuthenticationToken"}}));
    world.next("me", [reply.header("www-authenticate", &header)]);
    assert_eq!(world.get(&token()).status, 200);
    assert!(world.form()["claims"].contains("1752041837"));
}

#[test]
fn a_revoked_token_is_exchanged_once_more() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    world.next("me", [refused_token()]);
    assert_eq!(world.get(&token()).status, 200);
    assert_eq!(world.calls("token"), 2);
    assert_eq!(world.last("me").headers()["authorization"], "Bearer graph-token-2");

    world.next("me", [refused_token(), refused_token()]);
    world.get(&token()).is(502, "graph_refused_token");
    assert_eq!(world.calls("token"), 3);
}

#[test]
fn a_claims_challenge_is_satisfied_by_an_exchange_with_its_claims() {
    let world = World::new();
    world.next("me", [challenge()]);
    assert_eq!(world.get(&token()).status, 200);
    assert_eq!(
        world.form()["claims"],
        r#"{"access_token":{"nbf":{"essential":true,"value":"1752041837"},"xms_cc":{"values":["cp1"]}}}"#
    );
    // From now on the new token is the caller's.
    assert_eq!(world.get(&token()).status, 200);
    assert_eq!(world.calls("token"), 2);
}

#[test]
fn a_claims_challenge_that_cannot_be_satisfied_here_goes_to_the_caller() {
    let with_interaction = [
        vec![],
        vec![Reply::json(400, &json!({"error": "interaction_required"}))],
        vec![Reply::json(400, &json!({"error": "invalid_grant"}))],
    ];
    for second_exchange in with_interaction {
        let world = World::new();
        assert_eq!(world.get(&token()).status, 200);
        let met = second_exchange.is_empty();
        world.next("token", second_exchange);
        world.next("me", [challenge()]);
        if met {
            world.next("me", [challenge()]);
        }
        let answer = world.get(&token());
        answer.is(401, "claims_challenge");
        assert!(answer.header("www-authenticate").contains(&STANDARD.encode(CLAIMS)));
        assert_eq!(world.calls("token"), 2);
    }
    // Entra's own, newer claims take precedence over Graph's.
    let newer = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    world.next("me", [challenge()]);
    world.next("token", [Reply::json(400, &json!({"error": "interaction_required", "claims": newer}))]);
    assert_eq!(world.get(&token()).json()["claims"], newer);
}

#[test]
fn outages_have_their_own_answers() {
    let cases: [(Vec<Reply>, u16, &str, usize); 6] = [
        (vec![Reply::fault(SendFault::Broken("reset".into())); 2], 502, "graph_unreachable", 2),
        (vec![Reply::fault(SendFault::TimedOut)], 504, "graph_timeout", 1),
        (vec![Reply::new(200, "").after(Duration::from_secs(60))], 504, "graph_timeout", 1),
        (vec![Reply::new(500, "<html>"), Reply::new(500, "")], 502, "graph_unusable_answer", 2),
        (vec![Reply::new(302, "").header("location", "https://evil.example")], 502, "graph_unusable_answer", 1),
        (vec![Reply::new(503, ""), Reply::new(503, "")], 503, "graph_unavailable", 2),
    ];
    for (replies, status, code, calls) in cases {
        let world = World::new();
        let what = format!("{replies:?}").chars().take(120).collect::<String>();
        world.next("me", replies);
        let answer = world.get(&token());
        assert_eq!((answer.status, answer.code().as_str(), world.calls("me")), (status, code, calls), "{what}");
        assert!(world.elapsed() <= Duration::from_secs(20), "{what}");
    }
}

#[test]
fn profiles_and_small_photos_are_sent_whole_and_large_photos_are_streamed() {
    let in_pieces = |mut reply: Reply, body: &[u8]| {
        reply.pieces = body.chunks(10_000).map(|piece| piece.to_vec().into()).collect();
        reply
    };
    for (length, streamed) in [(10, false), (64 * 1024, false), (64 * 1024 + 1, true), (1_000_000, true)] {
        let world = World::new();
        let reply = Reply::new(200, "").header("content-type", "image/jpeg");
        world.next("photo", [in_pieces(reply, &vec![b'x'; length])]);
        let answer = world.ask("/api/profile-get/photo", &[("authorization", &format!("Bearer {}", token()))]);
        assert_eq!((answer.status, answer.streamed, answer.body.len()), (200, streamed, length));
        assert_eq!(answer.headers.contains_key("content-length"), !streamed);
    }
    for length in [100_000, 1_000_000] {
        let world = World::new();
        let profile = json!({"aboutMe": "x".repeat(length)}).to_string();
        let reply = Reply::new(200, "").header("content-type", "application/json");
        world.next("me", [in_pieces(reply, profile.as_bytes())]);
        let answer = world.get(&token());
        assert_eq!((answer.status, answer.streamed, answer.body.len()), (200, false, profile.len()));
    }
    let world = World::new();
    world.next("me", [Reply::json(200, &json!({"aboutMe": "x".repeat(2_000_000)}))]);
    world.get(&token()).is(502, "graph_unusable_answer");
}

#[test]
fn a_profile_is_one_json_object() {
    for body in [
        "",
        "null",
        "[]",
        "true",
        "1",
        "\"x\"",
        "{",
        "{\"id\":",
        "{\"id\":\"a\"",
        "{}{}",
        "{\"id\":1}x",
        "<html>",
        "{\"error\":{\"code\":\"x\",\"message\":\"y\"}}",
        "{\"id\":1,\"id\":2}",
        "\u{feff}{}",
    ] {
        let world = World::new();
        world.next("me", [Reply::new(200, body).header("content-type", "application/json")]);
        world.get(&token()).is(502, "graph_unusable_answer");
    }
    for body in ["{}", " {\"displayName\":null,\"businessPhones\":[]} ", "{\"displayName\":\"\\u00c4da Ünlü 李\"}"] {
        let world = World::new();
        world.next("me", [Reply::new(200, body).header("content-type", "application/json; charset=utf-8")]);
        let answer = world.get(&token());
        assert_eq!((answer.status, answer.body.as_slice()), (200, body.as_bytes()));
    }
}

#[test]
fn one_person_cannot_take_all_the_streams() {
    let photo = |person: &str| {
        let bearer = format!("Bearer {}", token_with(|plan| plan.claim("oid", person)));
        request_head(Method::GET, "/api/profile-get/photo", &[("authorization", &bearer)])
    };
    let large = || {
        Reply::new(200, vec![b'x'; 100_000]).header("content-type", "image/jpeg").dripping(4, Duration::from_secs(1))
    };
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    let (one, other) = ("33333333-3333-4333-8333-000000000001", "33333333-3333-4333-8333-000000000002");
    world.next("photo", (0..8).map(|_| large()));
    let answers = world.all([one, one, one, one, one, one, other, other].map(photo).into());
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 429, 429, 200, 200]);
    answers[4].is(429, "too_many_downloads");
    assert_eq!(answers[4].header("retry-after"), "5");
    // A stream that has ended makes room for another.
    world.next("photo", [large()]);
    assert_eq!(world.all(vec![photo(one)])[0].status, 200);
}

#[test]
fn only_what_graph_documents_is_passed_on() {
    let json = |status| Reply::json(status, &json!({"displayName": "Ada"}));
    let html = || Reply::new(200, "<html>").header("content-type", "text/html");
    let empty = || Reply::new(200, "").header("content-type", "application/json");
    let cases = [
        ("me", html()),
        ("me", Reply::new(200, "{}")),
        ("me", empty()),
        ("me", json(206)),
        ("me", json(204)),
        ("me", json(200).header("content-encoding", "gzip")),
        ("photo", json(200)),
        ("photo", Reply::new(200, "<svg/>").header("content-type", "image/svg+xml")),
    ];
    for (endpoint, reply) in cases {
        let what = format!("{reply:?}");
        let world = World::new();
        world.next(endpoint, [reply]);
        let path = if endpoint == "me" { "/api/profile-get" } else { "/api/profile-get/photo" };
        let answer = world.ask(path, &[("authorization", &format!("Bearer {}", token()))]);
        assert_eq!((answer.status, answer.code().as_str()), (502, "graph_unusable_answer"), "{what}");
        assert_eq!(world.last(endpoint).headers()["accept-encoding"], "identity");
    }
}

#[test]
fn headers_of_any_size_are_handled() {
    let world = World::new();
    let long = "x".repeat(100_000);
    let photo = Reply::new(200, "jpeg bytes").header("content-type", "image/jpeg").header("etag", &long);
    world.next("photo", [photo]);
    let authorization = format!("Bearer {}", token());
    let headers = [("authorization", authorization.as_str()), ("if-none-match", long.as_str())];
    let answer = world.ask("/api/profile-get/photo", &headers);
    assert_eq!((answer.status, answer.headers.contains_key("etag")), (200, false));
    assert!(!world.last("photo").headers().contains_key("if-none-match"));
}

#[test]
fn a_refused_token_is_not_used_again_even_if_there_is_no_other() {
    let refused = || Reply::new(401, "").header("www-authenticate", "Bearer error=\"invalid_token\"");
    for second_exchange in [Reply::json(400, &json!({"error": "invalid_grant"})), Reply::fault(SendFault::TimedOut)] {
        let world = World::new();
        assert_eq!(world.get(&token()).status, 200);
        world.next("me", [refused()]);
        world.next("token", [second_exchange]);
        assert_ne!(world.get(&token()).status, 200);
        // Neither from memory nor from the store.
        for instance in [world.another_instance(), world] {
            assert_eq!(instance.get(&token()).status, 200);
            assert_ne!(instance.last("me").headers()["authorization"], "Bearer graph-token-1");
        }
    }
}

#[test]
fn a_slow_body_has_no_more_time_than_others() {
    for (endpoint, code) in [("keys", "entra_timeout"), ("token", "entra_timeout"), ("me", "graph_timeout")] {
        let world = World::new();
        let body = match endpoint {
            "keys" => crate::caller_tokens::key_set(),
            "token" => json!({"token_type": "Bearer", "access_token": "one", "expires_in": 3600}),
            _ => json!({"displayName": "Ada"}),
        };
        // A lease in the store takes some milliseconds of its own.
        world.set("token_store_slots", "0");
        world.next(endpoint, [Reply::json(200, &body).dripping(4, Duration::from_secs(9))]);
        world.get(&token()).is(504, code);
        assert!(world.elapsed() <= Duration::from_secs(10), "{endpoint}: {:?}", world.elapsed());
    }
}

#[test]
fn a_late_piece_of_a_body_has_no_more_time_either() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    let before = world.elapsed();
    world.next("me", [Reply::json(200, &json!({"displayName": "Ada"})).dripping(2, Duration::from_secs(60))]);
    world.get(&token()).is(504, "graph_timeout");
    assert!(world.elapsed() - before <= Duration::from_secs(10), "{:?}", world.elapsed());
}

#[test]
fn a_body_of_empty_pieces_has_no_more_time_either() {
    for (endpoint, code) in [("keys", "entra_timeout"), ("token", "entra_timeout"), ("me", "graph_timeout")] {
        for begun in ["", "{\"displayName\":"] {
            let world = World::new();
            // A lease in the store takes some milliseconds of its own.
            world.set("token_store_slots", "0");
            world.next(endpoint, [Reply::new(200, begun).header("content-type", "application/json").endless()]);
            world.get(&token()).is(504, code);
            assert!(world.elapsed() <= Duration::from_secs(10), "{endpoint}: {:?}", world.elapsed());
        }
    }
}

#[test]
fn a_profile_whose_body_is_cut_is_requested_again() {
    let world = World::new();
    let profile = Reply::json(200, &json!({"displayName": "Ada"}));
    world.next("me", [profile.clone().cut(), profile.clone()]);
    let answer = world.get(&token());
    assert_eq!((answer.status, answer.json()["displayName"].as_str()), (200, Some("Ada")));
    assert_eq!(world.calls("me"), 2);
    world.next("me", [profile.clone().cut(), profile.cut()]);
    world.get(&token()).is(502, "graph_unreachable");
}

#[test]
fn a_refusal_whose_body_is_cut_is_judged_by_its_status() {
    for (status, code) in [(429, "graph_throttled"), (404, "graph_not_found"), (503, "graph_unavailable")] {
        let world = World::new();
        let reply = Reply::new(status, r#"{"error":{"code":"#).header("retry-after", "7").cut();
        world.next("me", [reply]);
        let answer = world.get(&token());
        assert_eq!(answer.code(), code);
        assert_eq!(world.calls("me"), 1, "{status}");
        if status != 404 {
            assert_eq!(answer.header("retry-after"), "7");
        }
    }
}

#[test]
fn the_deadline_includes_a_host_that_does_not_begin_to_send() {
    let world = World::new();
    world.script.before_sending.set(Duration::from_secs(90));
    assert_eq!(world.get(&token()).status, 504);
    assert!(world.elapsed() <= Duration::from_secs(20), "{:?}", world.elapsed());
}

#[test]
fn the_deadline_holds_for_everything_together() {
    let world = World::new();
    world.set("request_timeout", "6");
    let slow = Duration::from_millis(3_500);
    let metadata = json!({"issuer": "https://login.example/11111111-1111-4111-8111-111111111111/v2.0",
                          "jwks_uri": "https://login.example/11111111-1111-4111-8111-111111111111/discovery/v2.0/keys"});
    world.next("metadata", [Reply::json(200, &metadata).after(slow)]);
    world.next("keys", [Reply::json(200, &crate::caller_tokens::key_set()).after(slow)]);
    world.get(&token()).is(504, "request_timeout");
    assert!(world.elapsed() <= Duration::from_secs(6), "{:?}", world.elapsed());
}
