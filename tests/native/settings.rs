//! Variables whose provider is slow, silent or failing.

use std::time::Duration;

use http::Method;

use crate::{
    caller_tokens::token,
    scripted_host::{CLIENT, Reply, World, request_head},
};

const FOR_EVER: Duration = Duration::from_secs(600);

fn reads(world: &World, name: &str) -> usize {
    world.script.variable_reads.borrow().iter().filter(|read| *read == name).count()
}

#[test]
fn variables_are_read_at_the_same_time_and_once_for_everybody() {
    let world = World::new();
    world.script.variable_delay.set(Duration::from_secs(1));
    let many = (0..10).map(|_| request_head(Method::GET, "/api/profile-get", &[]));
    let before = world.elapsed();
    for answer in world.all(many.collect()) {
        answer.is(401, "token_missing");
    }
    assert!(world.elapsed() - before < Duration::from_millis(1100), "{:?}", world.elapsed() - before);
    assert_eq!((reads(&world, "client_id"), reads(&world, "client_secret")), (1, 0));
}

#[test]
fn waiting_for_a_silent_provider_ends() {
    let world = World::new();
    world.script.variable_delay.set(FOR_EVER);
    let before = world.elapsed();
    let answer = world.get(&token());
    answer.is(503, "server_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(world.elapsed() - before, Duration::from_secs(8));
    assert!(world.script.log.borrow()[0].contains("client_id: could not be read (no answer in time)"));
    world.script.variable_delay.set(Duration::ZERO);
    assert_eq!(world.get(&token()).status, 200);
}

#[test]
fn the_time_of_a_request_includes_the_reading_of_its_settings_and_its_credential() {
    let total = |request_timeout: &str, ask: &dyn Fn(&World)| {
        let world = World::new();
        world.set("request_timeout", request_timeout);
        let before = world.elapsed();
        ask(&world);
        world.elapsed() - before
    };
    let silent_variables = |world: &World| {
        world.script.variable_delay.set(FOR_EVER);
        world.get(&token()).is(503, "server_unavailable");
    };
    assert_eq!(total("20", &silent_variables), Duration::from_secs(8));
    assert_eq!(total("2", &silent_variables), Duration::from_secs(2));
    // Slow settings and a slow secret, then a silent upstream.
    for endpoint in ["metadata", "keys", "token", "me"] {
        let slow_then_silent = |world: &World| {
            world.script.variable_delay.set(Duration::from_secs(5));
            world.next(endpoint, (0..4).map(|_| Reply::new(200, "").after(FOR_EVER)));
            let answer = world.get(&token());
            assert_eq!(answer.status, 504, "{endpoint}");
        };
        for request_timeout in [12, 20] {
            let total = total(&request_timeout.to_string(), &slow_then_silent);
            assert!(total <= Duration::from_secs(request_timeout), "{endpoint}: {total:?}");
        }
    }
}

#[test]
fn a_failing_provider_is_an_outage_and_a_wrong_value_is_not() {
    let world = World::new();
    world.unset("tenant_id").unset("graph_url");
    world.get(&token()).is(503, "server_unavailable");
    let line = world.script.log.borrow()[0].clone();
    assert!(line.contains("tenant_id: could not be read") && line.contains("graph_url: could not be read"), "{line}");
    world.set("client_id", "x");
    world.get(&token()).is(500, "server_misconfigured");
}

#[test]
fn settings_are_used_for_an_hour_while_they_cannot_be_read() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    world.unset("allowed_clients");
    for _ in 0..11 {
        world.pass(300);
        for _ in 0..3 {
            assert_eq!(world.get(&token()).status, 200);
        }
    }
    // Once at first, and twice each time after that, because the first failure costs no pause.
    assert_eq!(reads(&world, "client_id"), 1 + 11 + 1);
    assert!(world.script.log.borrow().iter().any(|line| line.contains("\"event\":\"settings\"")));
    world.pass(300);
    world.get(&token()).is(503, "server_unavailable");
}

#[test]
fn nobody_waits_while_variables_are_read_again() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    world.pass(300);
    world.script.variable_delay.set(FOR_EVER);
    assert_eq!(world.get(&token()).status, 200);
    let lines = world.script.log.borrow().clone();
    let last = lines.iter().rfind(|line| line.contains("\"event\":\"request\"")).unwrap();
    assert!(last.contains("\"total_ms\":0.0"), "{last}");
}

#[test]
fn a_change_of_the_settings_takes_effect_after_five_minutes() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    world.set("allowed_clients", CLIENT);
    world.pass(299);
    assert_eq!(world.get(&token()).status, 200);
    // The first request after that starts another reading.
    world.pass(1);
    assert_eq!(world.get(&token()).status, 200);
    world.get(&token()).is(403, "client_not_allowed");
    // An older value does not replace a wrong one.
    world.set("allowed_clients", "x");
    world.pass(300);
    world.get(&token()).is(403, "client_not_allowed");
    world.get(&token()).is(500, "server_misconfigured");
}
