//! What probes of load balancers get, and what their operator reads.

use std::time::Duration;

use entra_obo::host::{FileFault, SendFault};
use http::Method;

use crate::{
    answered::Answered,
    caller_tokens::token,
    scripted_host::{Reply, World, request_head},
};

fn probe(world: &World) -> Answered {
    world.ask("/readyz", &[])
}

fn lines(world: &World) -> Vec<String> {
    world.script.log.borrow_mut().drain(..).collect()
}

#[test]
fn an_instance_that_knows_nothing_yet_is_ready_and_calls_nobody() {
    let world = World::new();
    for method in [Method::GET, Method::HEAD] {
        let answer = world.request(method, "/readyz", &[]);
        assert_eq!((answer.status, &*answer.body), (200, &b"ready"[..]));
        assert_eq!((answer.header("cache-control"), answer.header("content-type")), ("no-store", "text/plain"));
    }
    assert!(!world.script.variable_reads.borrow().contains(&"client_secret".to_owned()));
    assert_eq!((world.script.requests.borrow().len(), lines(&world)), (0, vec![]));
    // Other methods are requests like any other.
    world.request(Method::POST, "/readyz", &[]).is(405, "method_not_allowed");
    assert!(lines(&world)[0].contains(r#""path":"/readyz""#));
    // It is no resource that needs a token.
    let metadata = world.ask("/.well-known/oauth-protected-resource/readyz", &[("host", "api.contoso.example")]);
    metadata.is(404, "not_found");
}

/// What breaks, whether the operator has to act, and words of the cause.
type Lack = (&'static str, fn(&World), bool, &'static str);

const LACKS: [Lack; 7] = [
    ("a wrong setting", |world| _ = world.set("required_scope", ""), true, "required_scope"),
    ("an unreadable setting", |world| _ = world.unset("tenant_id"), false, "tenant_id: could not be read"),
    ("an unreadable secret", |world| _ = world.unset("client_secret"), false, "clientsecret could not be read"),
    (
        "no file of the token",
        |world| {
            world.set("client_credential", "token_file");
            world.script.file.borrow_mut().push_back(Err(FileFault::Missing));
        },
        true,
        "there is no file",
    ),
    (
        "an identity that is not assigned",
        |world| _ = world.set("client_credential", "managed_identity"),
        true,
        "identity",
    ),
    (
        "no metadata",
        |world| _ = world.next("metadata", (0..8).map(|_| Reply::fault(SendFault::TimedOut))),
        false,
        "no answer in time",
    ),
    ("no keys", |world| _ = world.next("keys", (0..8).map(|_| Reply::new(503, ""))), false, "Entra key set"),
];

#[test]
fn what_keeps_an_instance_from_serving_anybody_is_not_ready_and_logged_once() {
    for (what, break_it, is_operators, words) in LACKS {
        let world = World::new();
        break_it(&world);
        let refused = world.get(&token());
        if what == "an identity that is not assigned" || what == "no file of the token" {
            // The keys are fetched all the same.
            assert_eq!(refused.status, 500, "{what}: {refused:?}");
        }
        assert!(refused.status >= 500, "{what}: {refused:?}");
        let calls = world.script.requests.borrow().len();
        lines(&world);
        for _ in 0..3 {
            let answer = probe(&world);
            answer.is(503, "not_ready");
            assert_eq!((answer.header("cache-control"), answer.header("retry-after")), ("no-store", "5"), "{what}");
            assert!(answer.body.len() < 400 && !String::from_utf8_lossy(&answer.body).contains(words), "{what}");
            world.pass(1);
        }
        assert_eq!(world.script.requests.borrow().len(), calls, "{what}");
        let lines = lines(&world);
        let level = if is_operators { "error" } else { "warn" };
        assert_eq!(lines.len(), 1, "{what}: {lines:?}");
        let begin = format!(r#"{{"level":"{level}","event":"readiness","cause":""#);
        assert!(lines[0].starts_with(&begin) && lines[0].contains(words), "{what}: {lines:?}");
    }
}

#[test]
fn a_failure_is_no_news_after_a_while_so_that_requests_come_again() {
    let world = World::new();
    world.next("keys", (0..2).map(|_| Reply::new(503, "")));
    assert_eq!(world.get(&token()).status, 503);
    world.pass(9);
    probe(&world).is(503, "not_ready");
    world.pass(1);
    assert_eq!(probe(&world).status, 200);
    // Another failure is another line.
    world.next("keys", (0..2).map(|_| Reply::new(503, "")));
    assert_eq!(world.get(&token()).status, 503);
    probe(&world).is(503, "not_ready");
    assert_eq!(lines(&world).iter().filter(|line| line.contains("readiness")).count(), 2);
    world.pass(1);
    assert_eq!(world.get(&token()).status, 200);
    assert_eq!(probe(&world).status, 200);
}

#[test]
fn what_is_still_usable_is_ready() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    world.unset("client_secret").unset("tenant_id");
    world.next("keys", (0..8).map(|_| Reply::new(503, "")));
    world.pass(3599);
    assert_eq!(world.get(&token()).status, 200);
    assert_eq!(probe(&world).status, 200);
}

#[test]
fn a_silent_provider_of_settings_does_not_hold_a_probe_for_ever() {
    let world = World::new();
    world.script.variable_delay.set(Duration::from_secs(600));
    let before = world.elapsed();
    probe(&world).is(503, "not_ready");
    assert_eq!(world.elapsed() - before, Duration::from_secs(8));
}

#[test]
fn probes_share_the_reading_of_the_settings() {
    let world = World::new();
    world.script.variable_delay.set(Duration::from_secs(1));
    for answer in world.all((0..10).map(|_| request_head(Method::GET, "/readyz", &[])).collect()) {
        assert_eq!(answer.status, 200);
    }
    let reads = world.script.variable_reads.borrow().iter().filter(|name| *name == "client_id").count();
    assert_eq!(reads, 1);
}
