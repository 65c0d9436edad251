//! Bodies of downstream calls that are too long or too slow to be held.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::json;

use crate::{
    caller_tokens::token,
    scripted_host::{Asked, Content, Reply, World},
};

const HELD: usize = 4 * 1024 * 1024;
const SECOND: Duration = Duration::from_secs(1);

fn post(content: Content) -> Asked {
    Asked::new(Method::POST, "/DownstreamApi/graph").within_app().bearer(&token()).content(content)
}

fn get() -> Asked {
    Asked::get("/DownstreamApi/graph").within_app().bearer(&token())
}

/// Pieces of a length that is no multiple of three, each different.
fn long(bytes: usize) -> Content {
    let pieces = (0..bytes.div_ceil(16_384)).map(|number| {
        let length = 16_384.min(bytes - number * 16_384);
        (0..length).map(|index| u8::try_from((index * 7 + number) % 256).unwrap()).collect::<Vec<u8>>().into()
    });
    Content { pieces: pieces.collect(), ..Content::default() }
}

#[test]
fn a_long_response_arrives_as_base64_of_any_length() {
    for bytes in [HELD + 1, HELD + 2, HELD + 3, 3 * HELD] {
        let content = long(bytes);
        let expected = content.pieces.concat();
        for length in [None, Some(bytes.to_string())] {
            let (world, content) = (World::new(), content.clone());
            world.upstream(move |_| {
                let reply = Reply::streamed(206, content.clone()).header("etag", "\"v1\"");
                length.iter().fold(reply, |reply, length| reply.header("content-length", length))
            });
            let answer = world.ask(get());
            assert_eq!((answer.status, answer.streamed, answer.is_cut), (200, true, false));
            assert_eq!((answer.header("content-type"), answer.header("content-length")), ("application/json", ""));
            assert_eq!(answer.header("cache-control"), "no-store");
            let found = answer.json();
            assert_eq!((&found["statusCode"], &found["content"]), (&json!(206), &json!(null)));
            assert_eq!(found["headers"]["etag"], json!(["\"v1\""]));
            assert!(STANDARD.decode(found["contentBase64"].as_str().unwrap()).unwrap() == expected, "{bytes} bytes");
        }
    }
}

/// One of up to 4 MiB is held, and text stays text.
#[test]
fn a_response_that_is_held_has_a_length() {
    let world = World::new();
    world.upstream(|_| Reply::streamed(200, Content::of(vec![b'x'; HELD])));
    let answer = world.ask(get());
    assert!(!answer.streamed && answer.json()["content"].as_str().unwrap().len() == HELD);
}

#[test]
fn a_long_response_begins_when_it_is_clear_that_it_is_long_and_takes_its_time() {
    let world = World::new();
    // Its length says so at once; then each piece may take nearly half a minute.
    let slow = Content { pause: 29 * SECOND, ..long(5 * 16_384) };
    world.upstream(move |_| Reply::streamed(200, slow.clone()).header("content-length", "10000000"));
    let answer = world.ask(get());
    // The lease of the token takes some milliseconds.
    assert!(answer.status == 200 && answer.streamed && answer.head_at < SECOND, "{:?}", answer.head_at);
    assert!(world.elapsed() > 6 * 29 * SECOND);
}

#[test]
fn a_long_response_that_breaks_off_never_looks_whole() {
    let world = World::new();
    let cut = Content { is_cut: true, ..long(HELD + 16_384) };
    world.upstream(move |_| Reply::streamed(200, cut.clone()));
    let answer = world.ask(get());
    assert!(answer.is_cut && serde_json::from_slice::<serde_json::Value>(&answer.body).is_err());
}

#[test]
fn a_long_request_is_passed_on_as_it_arrives() {
    for length in [None, Some((2 * HELD).to_string())] {
        let world = World::new();
        let content = long(2 * HELD);
        let expected = content.pieces.concat();
        let asked = post(content).header("content-type", "text/csv");
        let asked = length.iter().fold(asked, |asked, length| asked.header("content-length", length));
        assert_eq!(world.ask(asked).json()["statusCode"], 200);
        let arrived = world.only();
        assert!(arrived.is_whole && arrived.pieces.concat() == expected);
        assert_eq!(arrived.header("content-length"), length.unwrap_or_default());
        assert_eq!((arrived.header("content-type"), arrived.header("authorization")), ("text/csv", "Bearer token-1"));
        assert!(arrived.pieces.len() > 1);
    }
}

/// Its sender may be a person on a slow connection.
#[test]
fn a_slow_request_takes_longer_than_a_request_may() {
    let world = World::new();
    let slow = Content { pause: 30 * SECOND, ..Content::pieces(&["a", "b", "c", "d"]) };
    assert_eq!(world.ask(post(slow)).json()["statusCode"], 200);
    assert_eq!((world.only().text().as_str(), world.elapsed()), ("abcd", 150 * SECOND));

    // One that stalls, or that breaks off, is its sender's doing and never looks whole.
    for content in [
        Content { pause: 61 * SECOND, ..Content::pieces(&["a", "b"]) },
        Content { pause: SECOND, is_cut: true, ..Content::pieces(&["a", "b", "c"]) },
    ] {
        let world = World::new();
        world.ask(post(content)).is(400, "request_body_broken");
        assert!(!world.only().is_whole);
    }
}

#[test]
fn an_api_may_take_a_minute_after_the_last_piece() {
    let slow = || Content { pause: 10 * SECOND, ..Content::pieces(&["a", "b", "c"]) };
    let world = World::new();
    world.upstream(|_| Reply::new(200, "x").after(59 * SECOND));
    assert_eq!(world.ask(post(slow())).json()["statusCode"], 200);
    world.upstream(|_| Reply::new(200, "x").after(61 * SECOND));
    world.ask(post(slow())).is(504, "downstream_timeout");
}

/// What is gone cannot be sent again: the app learns of the 401, and repeats the request. The upload may take longer than a
/// request may.
#[test]
fn after_a_401_a_long_request_gets_another_token_once() {
    for content in [long(HELD + 1), Content { pause: 10 * SECOND, ..Content::pieces(&["a", "b", "c"]) }] {
        let world = World::new();
        world.upstream(|arrived| match arrived.header("authorization") {
            "Bearer token-1" => Reply::new(401, "no"),
            _ => Reply::new(200, "yes"),
        });
        let ask = |world: &World| world.ask(post(content.clone())).json()["statusCode"].as_u64();
        assert_eq!((ask(&world), ask(&world)), (Some(401), Some(200)));
        assert_eq!((world.arrived().len(), world.script.exchanges.borrow().len()), (2, 2));
    }

    // If the API refuses every token, Entra is not asked for one after the other.
    let world = World::new();
    world.upstream(|_| Reply::new(401, "no"));
    let ask = || world.ask(post(long(HELD + 1))).json()["statusCode"].as_u64();
    assert_eq!([(); 5].map(|()| ask()), [Some(401); 5]);
    assert_eq!(world.script.exchanges.borrow().len(), 2);
}

/// Claims that only a person can satisfy are for the caller, with a long request as with a short one.
#[test]
fn claims_reach_the_caller_of_a_long_request() {
    let world = World::new();
    let claims = STANDARD.encode(r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#);
    let challenge = format!("Bearer error=\"insufficient_claims\", claims=\"{claims}\"");
    world.upstream(move |_| Reply::new(401, "no").header("www-authenticate", &challenge));
    assert_eq!(world.ask(get()).status, 401);
    let refusal = json!({"error": "interaction_required", "suberror": "basic_action"});
    for content in [long(HELD + 1), Content { pause: 10 * SECOND, ..Content::pieces(&["a", "b", "c"]) }] {
        world.script.tokens.borrow_mut().push_back(Reply::json(400, &refusal));
        let answer = world.another_instance().ask(post(content));
        answer.is(401, "claims_challenge");
        assert!(answer.header("www-authenticate").contains("claims="));
    }
}

#[test]
fn an_api_may_answer_before_it_has_read_everything() {
    let world = World::new();
    world.script.answers_early.set(true);
    world.upstream(|_| Reply::new(413, "too much"));
    let found = world.ask(post(Content { pause: 10 * SECOND, ..long(5 * HELD) })).json();
    assert_eq!((&found["statusCode"], &found["content"]), (&json!(413), &json!("too much")));
    assert!(world.elapsed() < 10 * SECOND, "{:?}", world.elapsed());
}

#[test]
fn a_request_that_is_shorter_than_its_length_is_broken() {
    let world = World::new();
    world.ask(post(Content::of("abc")).header("content-length", "4")).is(400, "request_body_broken");
    assert_eq!(world.arrived().len(), 0);
}
