//! Bodies in both directions, as they arrive.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};

use crate::{
    caller_tokens::token,
    scripted_host::{Asked, Content, Reply, World},
};

const SECOND: Duration = Duration::from_secs(1);

fn post(content: Content) -> Asked {
    Asked::new(Method::POST, "/upload").bearer(&token()).content(content)
}

#[test]
fn a_request_body_arrives_in_its_pieces_with_its_trailers() {
    let world = World::new();
    let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), HeaderValue::from_static("1"))]);
    let content = Content { trailers: Some(trailers.clone()), ..Content::pieces(&["one ", "two ", "three"]) };
    assert_eq!(world.ask(post(content).header("content-length", "13")).status, 200);
    let arrived = world.only();
    assert_eq!((arrived.pieces.len(), arrived.text().as_str(), arrived.is_whole), (3, "one two three", true));
    assert_eq!((arrived.header("content-length"), arrived.trailers.as_ref()), ("13", Some(&trailers)));
}

#[test]
fn a_request_without_a_body_is_sent_without_one() {
    let world = World::new();
    // Without a length a host would announce chunks, which some servers refuse where they expect nothing.
    for (asked, length) in [
        (Asked::get("/"), ""),
        (Asked::new(Method::HEAD, "/"), ""),
        (Asked::new(Method::POST, "/"), "0"),
        (Asked::new(Method::POST, "/").header("content-length", "0"), "0"),
        (Asked::new(Method::POST, "/").header("transfer-encoding", "chunked"), "0"),
        (Asked::new(Method::DELETE, "/"), "0"),
        (Asked::new(Method::OPTIONS, "/"), "0"),
    ] {
        assert_eq!(world.ask(asked.bearer(&token())).status, 200);
        let arrived = world.arrived().pop().unwrap();
        assert_eq!((arrived.text().as_str(), arrived.header("content-length")), ("", length), "{}", arrived.method);
    }
}

/// RFC 9110 section 8.6. In HTTP/2 a length may be repeated, and the host judges the first.
#[test]
fn a_request_has_one_length_or_is_refused() {
    let world = World::new();
    for lengths in [["4", "4"], ["4, 4", "4"]] {
        let asked =
            lengths.iter().fold(post(Content::of("body")), |asked, length| asked.header("content-length", length));
        assert_eq!(world.ask(asked).status, 200, "{lengths:?}");
        let arrived = world.arrived().pop().unwrap();
        assert_eq!(arrived.headers.get_all("content-length").iter().collect::<Vec<_>>(), ["4"], "{lengths:?}");
    }
    let before = world.arrived().len();
    for lengths in [["4", "40"], ["4", "0"], ["0", "4"], ["4", ""], ["4", "+4"]] {
        let asked =
            lengths.iter().fold(post(Content::of("body")), |asked, length| asked.header("content-length", length));
        world.ask(asked).is(400, "request_body_broken");
    }
    assert_eq!(world.arrived().len(), before);
}

#[test]
fn a_slow_upload_takes_its_time_and_one_that_stalls_does_not() {
    let world = World::new();
    let slow = Content { pause: 30 * SECOND, ..Content::pieces(&["a", "b", "c", "d", "e", "f", "g", "h"]) };
    assert_eq!(world.ask(post(slow)).status, 200);
    assert_eq!(world.elapsed(), 270 * SECOND);
    let world = World::new();
    let stalled = Content { pause: 61 * SECOND, ..Content::pieces(&["a", "b"]) };
    world.ask(post(stalled)).is(400, "request_body_broken");
    // Not one byte: nothing was there to be judged whole.
    assert_eq!(world.arrived().len(), 0);
}

#[test]
fn an_upload_that_breaks_off_never_looks_whole() {
    let world = World::new();
    let cut = Content { is_cut: true, ..Content::pieces(&["a", "b"]) };
    // Which is its sender's doing, not the app's: operators are alarmed about the latter.
    world.ask(post(cut)).is(400, "request_body_broken");
    assert!(!world.only().is_whole);
    let world = World::new();
    let at_once = Content { is_cut: true, ..Content::default() };
    world.ask(post(at_once).header("content-length", "5")).is(400, "request_body_broken");
    assert_eq!(world.arrived().len(), 0);
}

#[test]
fn the_app_may_take_a_minute_after_the_last_piece() {
    let world = World::new();
    world.upstream(|_| Reply::new(200, "x").after(59 * SECOND));
    let slow = || Content { pause: 50 * SECOND, ..Content::pieces(&["a", "b", "c"]) };
    assert_eq!(world.ask(post(slow())).status, 200);
    world.upstream(|_| Reply::new(200, "x").after(61 * SECOND));
    world.ask(post(slow())).is(504, "app_timeout");
}

#[test]
fn events_come_as_they_are_sent() {
    let world = World::new();
    let events = Content { pause: 20 * SECOND, ..Content::pieces(&["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"]) };
    world.upstream(move |_| Reply::streamed(200, events.clone()).header("content-type", "text/event-stream"));
    let answer = world.ask(Asked::get("/events").bearer(&token()));
    assert_eq!(String::from_utf8_lossy(&answer.body), "data: 1\n\ndata: 2\n\ndata: 3\n\n");
    assert!(answer.streamed && !answer.is_cut);
    assert_eq!((answer.head_at, world.elapsed()), (Duration::ZERO, 80 * SECOND));
}

#[test]
fn a_large_response_is_passed_on_and_a_small_one_sent_whole() {
    let world = World::new();
    for (bytes, streamed) in [(0, false), (64 * 1024, false), (64 * 1024 + 1, true)] {
        world.upstream(move |_| Reply::new(200, vec![b'x'; bytes]));
        let answer = world.ask(Asked::get("/").bearer(&token()));
        assert_eq!((answer.body.len(), answer.streamed), (bytes, streamed));
        assert_eq!(answer.header("content-length"), bytes.to_string());
    }
}

#[test]
fn the_head_of_a_response_does_not_wait_for_a_slow_body() {
    const SOON: Duration = Duration::from_millis(100);
    let world = World::new();
    // The pause before each piece, when the app sends the head, and when that is passed on.
    for (pause, head, passed_on) in [
        (SECOND, Duration::ZERO, SOON),
        (299 * SECOND, Duration::ZERO, SOON),
        (SECOND, 30 * SECOND, 30 * SECOND + SOON),
        (40 * SOON / 100, Duration::ZERO, SOON),
    ] {
        let slow = Content { pause, ..Content::pieces(&["a", "b", "c", "d"]) };
        world.upstream(move |_| Reply { content: slow.clone(), ..Reply::new(200, "abcd").after(head) });
        let begun = world.elapsed();
        let answer = world.ask(Asked::get("/").bearer(&token()));
        assert_eq!(
            (answer.status, answer.body.as_slice(), answer.streamed),
            (200, b"abcd".as_slice(), true),
            "{pause:?}"
        );
        assert_eq!(answer.head_at - begun, passed_on, "{pause:?}, {head:?}");
        // One before each piece and one before the end, of which nothing is repeated.
        assert_eq!(world.elapsed() - begun, head + 5 * pause);
    }
}

#[test]
fn a_small_body_that_comes_soon_is_sent_whole() {
    let world = World::new();
    for (pause, head) in [(20, 0), (20, 19), (24, 59_000)] {
        let [pause, head] = [pause, head].map(Duration::from_millis);
        let soon = Content { pause, ..Content::pieces(&["a", "b", "c", "d"]) };
        world.upstream(move |_| Reply { content: soon.clone(), ..Reply::new(200, "abcd").after(head) });
        let answer = world.ask(Asked::get("/").bearer(&token()));
        assert_eq!((answer.body.as_slice(), answer.streamed), (b"abcd".as_slice(), false), "{pause:?}, {head:?}");
    }
}

#[test]
fn a_response_that_breaks_off_never_looks_whole() {
    let world = World::new();
    for (content, length) in [
        (Content { is_cut: true, ..Content::pieces(&["ab"]) }, "4"),
        (Content::pieces(&["ab"]), "4"),
        (Content::pieces(&["abcdef"]), "4"),
    ] {
        world.upstream(move |_| Reply::streamed(200, content.clone()).header("content-length", length));
        world.ask(Asked::get("/").bearer(&token())).is(502, "app_unreachable");
    }
    let cut = Content { is_cut: true, ..Content::pieces(&["ab"]) };
    world.upstream(move |_| Reply::streamed(200, cut.clone()));
    assert!(world.ask(Asked::get("/").bearer(&token())).is_cut);
}

#[test]
fn trailers_of_a_response_come_through() {
    let world = World::new();
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
    let content = Content { trailers: Some(trailers.clone()), ..Content::of("x") };
    world.upstream(move |_| {
        Reply::streamed(200, content.clone()).header("content-length", "1").header("trailer", "grpc-status")
    });
    let answer = world.ask(Asked::get("/").bearer(&token()));
    assert_eq!((answer.body.as_slice(), answer.trailers), (b"x".as_slice(), Some(trailers)));
}
