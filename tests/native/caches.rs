//! Graph tokens and keys that are kept: for whom, how long, and what someone who can write to the store can do.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::{
    caller_tokens::{token, token_with},
    scripted_host::{AUTHORITY, CLIENT, OTHER_TENANT, Reply, TENANT, World, request_head},
};

#[test]
fn the_steady_state_is_one_call_to_graph() {
    let world = World::new();
    for _ in 0..10 {
        assert_eq!(world.get(&token()).status, 200);
    }
    assert_eq!((world.calls("token"), world.calls("me"), world.script.requests.borrow().len()), (1, 10, 13));
}

#[test]
fn another_instance_finds_keys_and_token_in_the_store() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    let other = world.another_instance();
    assert_eq!(other.get(&token()).status, 200);
    assert_eq!((world.calls("keys"), world.calls("token"), world.calls("me")), (1, 1, 2));
    assert!(world.script.log.borrow()[1].contains("\"token_from\":\"store\""));
}

#[test]
fn nobody_gets_another_callers_token() {
    let world = World::new();
    let of = |name: &str| token_with(|plan| plan.claim("uti", name));
    for (number, name) in ["a", "b", "c"].into_iter().enumerate() {
        assert_eq!(world.get(&of(name)).status, 200);
        assert_eq!(world.last("me").headers()["authorization"], format!("Bearer graph-token-{}", number + 1));
    }
    for (number, name) in ["a", "b", "c"].into_iter().enumerate() {
        assert_eq!(world.get(&of(name)).status, 200);
        assert_eq!(world.last("me").headers()["authorization"], format!("Bearer graph-token-{}", number + 1));
    }
}

#[test]
fn a_token_that_was_accepted_is_refused_when_it_has_expired() {
    let world = World::new();
    let token = token();
    assert_eq!(world.get(&token).status, 200);
    world.pass(3600 + 301);
    world.get(&token).is(401, "invalid_token");
}

#[test]
fn tokens_are_used_until_shortly_before_they_expire_and_renewed_when_entra_says() {
    let world = World::new();
    let long = token_with(|plan| plan.claim("exp", crate::scripted_host::NOW + 100_000));
    let reply = json!({"token_type": "Bearer", "access_token": "one", "expires_in": 3600, "refresh_in": 1800});
    world.next("token", [Reply::json(200, &reply)]);
    assert_eq!(world.get(&long).status, 200);
    world.pass(1799);
    assert_eq!(world.get(&long).status, 200);
    assert_eq!(world.calls("token"), 1);

    // Due: renewed in the background, so the request does not wait.
    world.pass(1);
    world.next("token", [Reply::json(500, &json!({})).after(Duration::from_secs(5))]);
    assert_eq!(world.get(&long).status, 200);
    assert_eq!(world.last("me").headers()["authorization"], "Bearer one");
    // That failed; the old one is used, and the next request tries again.
    assert_eq!(world.get(&long).status, 200);
    assert_eq!(world.get(&long).status, 200);
    assert_ne!(world.last("me").headers()["authorization"], "Bearer one");

    world.pass(3600 - 120);
    let calls = world.calls("token");
    assert_eq!(world.get(&long).status, 200);
    assert_eq!(world.calls("token"), calls + 1);
}

#[test]
fn a_renewal_that_failed_is_tried_again_after_a_minute() {
    let failures = [
        (503, json!({}), 2),
        (400, json!({"error": "invalid_grant"}), 1),
        (429, json!({"error": "temporarily_unavailable"}), 1),
    ];
    for (status, body, calls) in failures {
        let world = World::new();
        let long = token_with(|plan| plan.claim("exp", crate::scripted_host::NOW + 100_000));
        let reply = json!({"token_type": "Bearer", "access_token": "one", "expires_in": 3600, "refresh_in": 1800});
        world.next("token", [Reply::json(200, &reply)]);
        assert_eq!(world.get(&long).status, 200);
        world.pass(1800);
        world.next("token", vec![Reply::json(status, &body); calls]);
        for _ in 0..10 {
            assert_eq!(world.get(&long).status, 200);
            // Neither does another instance.
            assert_eq!(world.another_instance().get(&long).status, 200);
            assert_eq!(world.last("me").headers()["authorization"], "Bearer one");
        }
        assert_eq!(world.calls("token"), 1 + calls, "{status}");
        world.pass(61);
        assert_eq!(world.get(&long).status, 200);
        assert_eq!(world.calls("token"), 2 + calls, "{status}");
    }
}

#[test]
fn each_waiting_request_has_its_own_deadline() {
    let world = World::new();
    world.set("request_timeout", "6");
    assert_eq!(world.get(&token_with(|plan| plan.claim("uti", "warm"))).status, 200);
    let slow = || Reply::json(503, &json!({})).after(Duration::from_secs(4));
    let right = json!({"token_type": "Bearer", "access_token": "late", "expires_in": 3600});
    // The first runs out of time in its second attempt; the others continue from there.
    world.next("token", [slow(), slow(), Reply::json(200, &right).after(Duration::from_secs(1))]);
    let request = || {
        let authorization = format!("Bearer {}", token());
        request_head(Method::GET, "/api/profile-get", &[("authorization", authorization.as_str())])
    };
    let answers = world.all_apart(vec![request(), request()], Duration::from_secs(3));
    assert_eq!(answers[0].code(), "request_timeout");
    assert_eq!(answers[1].status, 200, "{}", answers[1].json());
}

#[test]
fn entries_are_sealed_and_whoever_writes_to_the_store_can_only_empty_it() {
    let world = World::new();
    let token = token();
    assert_eq!(world.get(&token).status, 200);
    let store = world.script.store.borrow().clone();
    assert_eq!(store.len(), 2, "{:?}", store.keys());
    for (key, entry) in &store {
        for secret in [&b"graph-token-1"[..], b"\"keys\"", b"AQAB", token.as_bytes()] {
            assert!(!entry.windows(secret.len()).any(|window| window == secret), "{key}");
        }
    }
    for key in store.keys() {
        for damage in [vec![], vec![0; 300], store.values().next().unwrap().clone(), store[key][1..].to_vec()] {
            world.script.store.borrow_mut().clone_from(&store);
            world.script.store.borrow_mut().insert(key.clone(), damage);
            let other = world.another_instance();
            assert_eq!(other.get(&token).status, 200, "{key}");
        }
    }
}

#[test]
fn an_entry_of_another_tenancy_or_application_does_not_open() {
    for (name, value) in [
        ("graph_scopes", "https://graph.microsoft.com/.default"),
        ("authority_host", "https://login.example/"),
        ("client_secret", "another-secret"),
    ] {
        let world = World::new();
        assert_eq!(world.get(&token()).status, 200);
        let other = world.another_instance();
        other.set(name, value);
        assert_eq!(other.get(&token()).status, 200, "{name}");
        let keys_again = name == "client_secret";
        let token_again = name == "graph_scopes";
        assert_eq!((world.calls("keys") == 2, world.calls("token") == 2), (keys_again, token_again), "{name}");
    }
}

#[test]
fn what_was_fetched_under_other_settings_is_not_used() {
    let of_both = || {
        let world = World::new();
        world.set("tenant_id", "organizations").set("allowed_tenants", &format!("{TENANT} {OTHER_TENANT}"));
        world
    };
    for (name, value, keys, tokens) in [
        ("graph_scopes", "https://graph.microsoft.com/.default", 1, 2),
        ("graph_url", AUTHORITY, 1, 2),
        ("allowed_clients", "44444444-4444-4444-8444-444444444444", 1, 1),
        ("required_scope", "user_impersonation other", 1, 1),
    ] {
        let world = of_both();
        world.set("token_store_slots", "0");
        let long = token_with(|plan| plan.claim("exp", crate::scripted_host::NOW + 100_000));
        assert_eq!(world.get(&long).status, 200);
        world.set(name, value);
        world.pass(300);
        // The first request starts another reading of the variables.
        for _ in 0..2 {
            world.get(&long);
        }
        assert_eq!((world.calls("keys"), world.calls("token")), (keys, tokens), "{name}");
    }
}

#[test]
fn applications_that_share_a_store_keep_their_own_keys() {
    let world = World::new();
    let clients = [CLIENT, "22222222-2222-4222-8222-222222222223"];
    let of = |client: &str| token_with(|plan| plan.claim("aud", client));
    for _ in 0..3 {
        for client in clients {
            let instance = world.another_instance();
            instance.set("client_id", client);
            assert_eq!(instance.get(&of(client)).status, 200);
        }
    }
    assert_eq!(world.calls("keys"), 2);
}

#[test]
fn the_store_never_grows_beyond_its_slots() {
    let world = World::new();
    world.set("token_store_slots", "4");
    for number in 0..40 {
        assert_eq!(world.get(&token_with(|plan| plan.claim("uti", number))).status, 200);
    }
    assert!(world.script.store.borrow().len() <= 5);
    world.set("token_store_slots", "0");
    let other = world.another_instance();
    world.script.store.borrow_mut().clear();
    assert_eq!(other.get(&token()).status, 200);
    assert_eq!(world.script.store.borrow().len(), 0);
}

#[test]
fn callers_who_share_a_slot_displace_expired_tokens_first() {
    let of = |number: u64| {
        token_with(|plan| {
            plan.claim("uti", number);
            plan.claim("exp", crate::scripted_host::NOW + if number < 100 { 3600 } else { 100_000 });
        })
    };
    let slots_after = |steps: &dyn Fn(&World)| -> (World, Vec<String>) {
        let world = World::new();
        world.set("token_store_slots", "2");
        steps(&world);
        let keys = world.script.store.borrow().keys().filter(|key| key.contains(".token.")).cloned().collect();
        (world, keys)
    };
    let call = |world: &World, number| assert_eq!(world.get(&of(number)).status, 200);
    let (lower, both) = (["entra-obo.token.0"], ["entra-obo.token.0", "entra-obo.token.1"]);

    // Two callers who take the same slot if it is free, one of whom has another slot.
    let first = (0..99).find(|number| slots_after(&|world| call(world, *number)).1 == lower).unwrap();
    let second = (100..199)
        .find(|number| {
            let then = |world: &World| {
                call(world, first);
                call(world, *number);
            };
            slots_after(&|world| call(world, *number)).1 == lower && slots_after(&then).1 == both
        })
        .unwrap();
    let (world, _) = slots_after(&|world| {
        call(world, first);
        call(world, second);
    });
    for number in [first, second] {
        call(&world.another_instance(), number);
    }
    assert_eq!(world.calls("token"), 2);

    // A token in the second slot is found there, whatever is in the first.
    world.script.store.borrow_mut().remove(lower[0]);
    call(&world.another_instance(), second);
    assert_eq!(world.calls("token"), 2);

    // A token that has expired is displaced, and so is one whose entry was changed to never end.
    let ended = |world: &World| {
        call(world, first);
        world.pass(3600);
        call(world, second);
    };
    assert_eq!(slots_after(&ended).1, lower);
    // One that has not expired is displaced as well, once the token that opens it has expired.
    let outlived = |world: &World| {
        let reply = json!({"token_type": "Bearer", "access_token": "one", "expires_in": 100_000});
        world.next("token", [Reply::json(200, &reply)]);
        call(world, first);
        world.pass(3600 + 300);
        call(world, second);
    };
    assert_eq!(slots_after(&outlived).1, lower);
    let endless = |world: &World| {
        call(world, first);
        world.script.store.borrow_mut().get_mut(lower[0]).unwrap()[..8].fill(0xff);
        call(world, second);
    };
    assert_eq!(slots_after(&endless).1, lower);
}

#[test]
fn a_broken_or_hanging_store_is_a_miss_and_a_line_in_the_log() {
    for delay in [Duration::ZERO, Duration::from_secs(600)] {
        let world = World::new();
        world.script.store_fault.set(Some(delay));
        assert_eq!(world.get(&token()).status, 200);
        let log = world.script.log.borrow();
        assert!(log.iter().any(|line| line.contains("\"event\":\"store\"")), "{log:?}");
        let served = log.iter().find(|line| line.contains("\"event\":\"request\"")).unwrap();
        let line: serde_json::Value = serde_json::from_str(served).unwrap();
        assert!(line["total_ms"].as_f64().unwrap() < 1000.0, "{served}");
    }
}

#[test]
fn a_store_that_fails_rests_and_is_then_used_again() {
    let world = World::new();
    let ask = |numbers: std::ops::Range<u64>| {
        let requests = numbers.map(|number| {
            let authorization = format!("Bearer {}", token_with(|plan| plan.claim("uti", number)));
            request_head(Method::GET, "/api/profile-get", &[("authorization", &authorization)])
        });
        for answered in world.all(requests.collect()) {
            assert_eq!(answered.status, 200);
        }
    };
    let reports = || world.script.log.borrow().iter().filter(|line| line.contains("\"event\":\"store\"")).count();

    world.script.store_fault.set(Some(Duration::from_secs(600)));
    ask(0..8);
    assert_eq!(reports(), 1, "{:?}", world.script.log.borrow());
    world.script.store_fault.set(None);
    ask(8..16);
    assert!(world.script.store.borrow().is_empty());
    world.pass(10);
    ask(16..24);
    assert!(!world.script.store.borrow().is_empty());
    world.script.store_fault.set(Some(Duration::ZERO));
    ask(24..32);
    assert_eq!(reports(), 2, "{:?}", world.script.log.borrow());
}

#[test]
fn instances_of_one_store_exchange_once_for_a_burst() {
    let burst = |world: &World, pause| {
        let request =
            || request_head(Method::GET, "/api/profile-get", &[("authorization", &format!("Bearer {}", token()))]);
        let answers = world.in_instances_of_their_own((0..16).map(|_| request()).collect(), pause);
        answers.iter().map(|answer| answer.status).collect::<Vec<_>>()
    };
    let slow = || {
        let token = json!({"token_type": "Bearer", "access_token": "slow", "expires_in": 3600});
        Reply::json(200, &token).after(Duration::from_millis(300))
    };
    for pause in [0, 1, 20].map(Duration::from_millis) {
        let world = World::new();
        world.next("token", [slow()]);
        assert_eq!(burst(&world, pause), [200; 16]);
        assert_eq!(world.calls("token"), 1, "{pause:?}");
    }

    // An instance that disappears is replaced within two seconds.
    let world = World::new();
    world.next("token", [slow().after(Duration::from_secs(9)), slow()]);
    let before = world.elapsed();
    assert_eq!(burst(&world, Duration::from_millis(1)), [200; 16]);
    assert_eq!(world.calls("token"), 2);
    assert!(world.elapsed() - before < Duration::from_secs(10));

    // So is a refusal, for as long as another exchange would be refused in the same way.
    let world = World::new();
    let refusal = json!({"error": "interaction_required", "suberror": "basic_action", "trace_id": "t-1"});
    world.next("token", [Reply::json(400, &refusal)]);
    assert_eq!(burst(&world, Duration::ZERO), [401; 16]);
    world.pass(14);
    let answer = world.another_instance().get(&token());
    answer.is(401, "interaction_required");
    assert_eq!((world.calls("token"), answer.json()["entra_trace_id"].as_str()), (1, Some("t-1")));
    world.pass(1);
    assert_eq!(world.another_instance().get(&token()).status, 200);

    // One that comes after another instance has taken over hides nothing.
    let world = World::new();
    let late = Reply::json(429, &refusal).header("retry-after", "50").after(Duration::from_secs(4));
    world.next("token", [late, slow()]);
    let statuses = burst(&world, Duration::from_millis(1));
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 15, "{statuses:?}");
    assert_eq!(world.another_instance().get(&token()).status, 200);
    assert_eq!(world.calls("token"), 2);

    // One that another attempt can undo is not.
    let world = World::new();
    world.next("token", [Reply::json(503, &json!({})), Reply::json(503, &json!({}))]);
    assert_eq!(world.get(&token()).status, 503);
    assert_eq!(world.another_instance().get(&token()).status, 200);

    // Without a store there is nobody to wait for.
    let world = World::new();
    world.set("token_store_slots", "0");
    assert_eq!(burst(&world, Duration::ZERO), [200; 16]);
    assert_eq!(world.calls("token"), 16);
}
