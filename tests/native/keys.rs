//! Signing keys: rotation, outages, and tokens that invent key ids.

use std::time::Duration;

use entra_obo::host::SendFault;
use http::Method;
use profile_get::RequestHead;
use serde_json::json;

use crate::{
    caller_tokens::{KEY_ID, Plan, foreign_jwk, key_set, rotated_key_set, token, token_with},
    scripted_host::{AUTHORITY, Reply, TENANT, World, request_head},
};

fn asking(token: &str) -> RequestHead {
    request_head(Method::GET, "/api/profile-get", &[("authorization", &format!("Bearer {token}"))])
}

fn of_key(key_id: &str) -> String {
    token_with(|plan: &mut Plan| {
        plan.header.insert("kid".into(), key_id.into());
        plan.foreign_key = true;
    })
}

#[test]
fn keys_are_fetched_once() {
    let world = World::new();
    for _ in 0..5 {
        assert_eq!(world.get(&token()).status, 200);
    }
    assert_eq!((world.calls("metadata"), world.calls("keys")), (1, 1));
}

#[test]
fn a_rotated_key_is_found_at_once() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    world.next("keys", [Reply::json(200, &rotated_key_set("key-2"))]);
    assert_eq!(world.get(&of_key("key-2")).status, 200);
    assert_eq!(world.get(&token()).status, 200);
    assert_eq!(world.calls("keys"), 2);
}

#[test]
fn invented_key_ids_cause_one_refresh_in_a_minute() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    for number in 0..50 {
        world.get(&of_key(&format!("invented-{number}"))).is(401, "invalid_token");
    }
    assert_eq!(world.calls("keys"), 2);
    world.pass(61);
    // A refresh that fails counts too, and does not lose good keys.
    world.next("metadata", [Reply::new(404, "")]);
    for number in 0..50 {
        world.get(&of_key(&format!("invented-{number}"))).is(502, "entra_unusable_answer");
    }
    assert_eq!(world.calls("metadata"), 3);
    assert_eq!(world.get(&token()).status, 200);
}

#[test]
fn a_published_key_is_found_within_the_cooldown() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    world.get(&of_key("invented")).is(401, "invalid_token");
    world.next("keys", [Reply::json(200, &rotated_key_set("key-2"))]);
    world.pass(59);
    world.get(&of_key("key-2")).is(401, "invalid_token");
    world.pass(1);
    assert_eq!(world.get(&of_key("key-2")).status, 200);
}

#[test]
fn bearers_of_a_new_key_wait_for_the_same_refresh() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    world.next("keys", [Reply::json(200, &rotated_key_set("key-2")).after(Duration::from_millis(300))]);
    let answers = world.all((0..12).map(|_| asking(&of_key("key-2"))).collect());
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(world.calls("keys"), 2);
}

#[test]
fn instances_that_share_a_store_share_the_limit_of_lookups() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    world.get(&of_key("invented")).is(401, "invalid_token");
    assert_eq!(world.calls("keys"), 2);
    for _ in 0..5 {
        world.another_instance().get(&of_key("invented")).is(401, "invalid_token");
    }
    assert_eq!(world.calls("keys"), 2);
    // The first instance does not look either, because another one has.
    world.pass(61);
    world.another_instance().get(&of_key("invented")).is(401, "invalid_token");
    world.get(&of_key("invented")).is(401, "invalid_token");
    assert_eq!(world.calls("keys"), 3);
}

#[test]
fn a_key_that_another_instance_has_found_is_taken_from_the_store() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    world.pass(2);
    world.next("keys", [Reply::json(200, &rotated_key_set("key-2"))]);
    assert_eq!(world.another_instance().get(&of_key("key-2")).status, 200);
    assert_eq!(world.get(&of_key("key-2")).status, 200);
    assert_eq!(world.calls("keys"), 2);
}

#[test]
fn a_key_that_cannot_be_looked_up_is_not_the_callers_fault() {
    let broken = || Reply::fault(SendFault::Broken("refused".into()));
    let cases: [(Vec<Reply>, u16, &str); 3] = [
        // Twice if it is tried twice.
        (vec![broken(), broken()], 502, "entra_unreachable"),
        (vec![Reply::new(503, ""), Reply::new(503, "")], 503, "entra_unavailable"),
        (vec![Reply::fault(SendFault::TimedOut)], 504, "entra_timeout"),
    ];
    for (replies, status, code) in cases {
        let world = World::new();
        assert_eq!(world.get(&token()).status, 200);
        world.next("metadata", replies);
        world.next("keys", [Reply::json(200, &rotated_key_set("key-2"))]);
        world.get(&of_key("key-2")).is(status, code);
        let calls = world.calls("metadata");
        world.get(&of_key("key-2")).is(status, code);
        assert_eq!(world.get(&token()).status, 200);
        assert_eq!(world.calls("metadata"), calls);
        world.pass(5);
        assert_eq!(world.get(&of_key("key-2")).status, 200, "{code}");
    }
}

#[test]
fn entras_retry_after_is_respected_for_up_to_a_minute() {
    for endpoint in ["metadata", "keys"] {
        for known in [false, true] {
            for asked_for in [30, 60, 3600, 1_000_000] {
                let world = World::new();
                if known {
                    assert_eq!(world.get(&token()).status, 200);
                }
                let calls = world.calls(endpoint);
                let status = if asked_for == 60 { 429 } else { 503 };
                world.next(endpoint, [Reply::new(status, "").header("retry-after", &asked_for.to_string())]);
                world.next("keys", known.then(|| Reply::json(200, &rotated_key_set("key-2"))));
                let asked = || world.get(&if known { of_key("key-2") } else { token() });
                let pause = asked_for.min(60);
                for passed in [0, 1, pause / 2, pause - 1] {
                    world.pass(passed - world.elapsed().as_secs());
                    let answer = asked();
                    answer.is(503, "entra_unavailable");
                    // The caller gets Entra's own value, up to an hour.
                    let left = asked_for.min(3600) - passed;
                    assert_eq!(answer.header("retry-after"), left.to_string(), "{endpoint}");
                }
                assert_eq!(world.calls(endpoint), calls + 1);
                world.pass(1);
                assert_eq!(asked().status, 200, "{endpoint}, {asked_for}");
            }
        }
    }
}

#[test]
fn a_wall_clock_that_was_wrong_has_no_effect_afterwards() {
    let ahead = 30 * 24 * 3600;
    let now = || crate::scripted_host::NOW;
    // Keys and tokens from a time when the clock was far ahead, and a pause that began then.
    for with_store in ["0", "64"] {
        let world = World::new();
        world.set("token_store_slots", with_store);
        world.script.time.now.set(now() + ahead);
        let of_then = token_with(|plan| plan.valid_from(now() + ahead));
        assert_eq!(world.get(&of_then).status, 200);
        world.next("token", [Reply::json(429, &json!({})).header("retry-after", "600")]);
        let throttled = token_with(|plan| {
            plan.valid_from(now() + ahead);
            plan.claim("uti", "throttled");
        });
        assert_eq!(world.get(&throttled).header("retry-after"), "600");

        world.script.time.now.set(now());
        let later = token_with(|plan| {
            plan.claim("nbf", now());
            plan.claim("exp", now() + 100_000);
            plan.claim("uti", "throttled");
        });
        // The person is throttled for ten minutes and not for thirty days, and the next attempt is after one minute.
        let wait: u64 = world.get(&later).header("retry-after").parse().unwrap();
        assert!((1..=600).contains(&wait), "{wait}");
        world.pass(61);
        assert_eq!(world.get(&later).status, 200);
        // Keys are renewed after an hour as usual, here and by an instance that finds them in the store.
        let keys = world.calls("keys");
        world.pass(3600);
        for _ in 0..2 {
            assert_eq!(world.get(&later).status, 200);
        }
        assert_eq!(world.calls("keys"), keys + 1, "{with_store}");
    }
    let world = World::new();
    world.script.time.now.set(now() + ahead);
    assert_eq!(world.get(&token_with(|plan| plan.valid_from(now() + ahead))).status, 200);
    world.script.time.now.set(now());
    assert_eq!(world.another_instance().get(&token()).status, 200);
    assert_eq!(world.calls("keys"), 2, "a record from the future is fetched again");
}

#[test]
fn no_call_is_made_before_the_secret_could_be_read() {
    for slots in ["0", "64"] {
        for foreign_key in [false, true] {
            let world = World::new();
            world.set("token_store_slots", slots);
            world.unset("client_secret");
            let token = token_with(|plan| plan.foreign_key = foreign_key);
            for _ in 0..20 {
                world.get(&token).is(503, "server_unavailable");
            }
            assert_eq!(world.script.requests.borrow().len(), 0);
            // The vault is not asked each time either.
            let reads = world.script.variable_reads.borrow().iter().filter(|name| *name == "client_secret").count();
            assert_eq!(reads, 2);
            world.set("client_secret", "secret");
            world.pass(1);
            assert_eq!(world.get(&token).status, if foreign_key { 401 } else { 200 });
        }
    }
}

#[test]
fn a_request_that_runs_out_of_time_is_not_an_outage() {
    let world = World::new();
    world.set("request_timeout", "2");
    let silent = || Reply::new(200, "").after(Duration::from_secs(600));
    world.next("metadata", (0..5).map(|_| silent()));
    for _ in 0..5 {
        world.get(&token()).is(504, "request_timeout");
    }
    assert_eq!(world.calls("metadata"), 5);
    assert_eq!(world.get(&token()).status, 200);
}

#[test]
fn keys_that_cannot_verify_do_not_displace_good_ones() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    world.pass(3601);
    let mut weak = key_set();
    weak["keys"][0]["n"] = json!("gQ");
    world.next("keys", [Reply::json(200, &weak)]);
    for _ in 0..3 {
        assert_eq!(world.get(&token()).status, 200);
    }
    assert_eq!(world.calls("keys"), 3);
}

#[test]
fn responses_are_requested_without_a_content_coding() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    for endpoint in ["metadata", "keys"] {
        assert_eq!(world.last(endpoint).headers()["accept-encoding"], "identity");
    }
}

#[test]
fn a_bad_signature_causes_no_refresh() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    for _ in 0..5 {
        world.get(&of_key("key-1")).is(401, "invalid_token");
    }
    assert_eq!(world.calls("keys"), 1);
}

#[test]
fn stale_keys_are_renewed_in_the_background() {
    let world = World::new();
    // A lease in the store takes some milliseconds of its own.
    world.set("token_store_slots", "0");
    assert_eq!(world.get(&token()).status, 200);
    world.pass(3601);
    world.next("metadata", [Reply::new(200, "").after(Duration::from_secs(4))]);
    let before = world.elapsed();
    assert_eq!(world.get(&token()).status, 200);
    assert_eq!(world.calls("metadata"), 2);
    // Virtual time passed only for the renewal.
    assert!(world.elapsed() - before >= Duration::from_secs(4));
    let line: serde_json::Value = serde_json::from_str(&world.script.log.borrow()[1]).unwrap();
    assert_eq!(line["total_ms"], 0.0);
}

#[test]
fn a_token_that_was_verified_is_refused_once_its_key_is_withdrawn() {
    for key in [foreign_jwk("key-2"), foreign_jwk(KEY_ID)] {
        let world = World::new();
        let token = token();
        for _ in 0..2 {
            assert_eq!(world.get(&token).status, 200);
        }
        world.pass(3601);
        // The second time because the key may have been published since.
        let renewed = || Reply::json(200, &json!({"keys": [key.clone()]}));
        world.next("keys", [renewed(), renewed()]);
        // Renewed in the background.
        assert_eq!(world.get(&token).status, 200);
        world.get(&token).is(401, "invalid_token");
    }
}

#[test]
fn last_known_good_keys_are_used_for_a_day() {
    let world = World::new();
    world.set("token_store_slots", "0");
    let current = || token_with(|plan| plan.valid_from(world.script.time.now.get()));
    assert_eq!(world.get(&current()).status, 200);
    let outage = || Reply::fault(SendFault::Broken("refused".into()));
    for _ in 0..11 {
        world.pass(2 * 3600);
        world.next("metadata", [outage(), outage()]);
        assert_eq!(world.get(&current()).status, 200);
    }
    world.pass(2 * 3600);
    world.next("metadata", [outage(), outage()]);
    world.get(&current()).is(502, "entra_unreachable");
}

#[test]
fn max_age_is_honoured_within_bounds() {
    for (cache_control, fresh) in
        [("max-age=600, private", 600), ("private, max-age=86400", 3600), ("no-store", 3600), ("max-age=1", 300)]
    {
        let world = World::new();
        world.next("keys", [Reply::json(200, &key_set()).header("cache-control", cache_control)]);
        assert_eq!(world.get(&token()).status, 200);
        world.pass(fresh - 1);
        assert_eq!(world.get(&token()).status, 200);
        assert_eq!(world.calls("keys"), 1, "{cache_control}");
        world.pass(1);
        assert_eq!(world.get(&token()).status, 200);
        assert_eq!(world.calls("keys"), 2, "{cache_control}");
    }
}

#[test]
fn an_outage_from_the_start_is_reported_and_recovery_is_immediate() {
    let cases: [(&'static str, Reply, u16, &str); 9] = [
        ("metadata", Reply::new(404, ""), 502, "entra_unusable_answer"),
        ("metadata", Reply::new(200, "<html>"), 502, "entra_unusable_answer"),
        ("metadata", Reply::new(200, vec![b' '; 200_000]), 502, "entra_unusable_answer"),
        (
            "metadata",
            Reply::json(200, &json!({"issuer": "x", "jwks_uri": "https://evil.example/keys"})),
            502,
            "entra_unusable_answer",
        ),
        ("metadata", Reply::fault(SendFault::TimedOut), 504, "entra_timeout"),
        ("keys", Reply::new(200, "{\"keys\":[]}"), 502, "entra_unusable_answer"),
        ("keys", Reply::new(429, ""), 503, "entra_unavailable"),
        ("keys", Reply::new(301, "").header("location", "https://evil.example/keys"), 502, "entra_unusable_answer"),
        ("keys", Reply::fault(SendFault::Denied("https://denied.example".to_owned())), 503, "server_unavailable"),
    ];
    for (endpoint, reply, status, code) in cases {
        let world = World::new();
        let what = format!("{endpoint} {reply:?}").chars().take(120).collect::<String>();
        world.next(endpoint, [reply]);
        let answer = world.get(&token());
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{what}");
        assert_eq!(world.calls("token"), 0, "{what}");
        assert_eq!(world.get(&token()).status, 200, "{what}, afterwards");
    }
}

#[test]
fn during_an_outage_entra_is_asked_every_few_seconds() {
    let world = World::new();
    let outage = || Reply::new(404, "");
    world.next("metadata", (0..1000).map(|_| outage()));
    for _ in 0..120 {
        assert_eq!(world.get(&token()).status, 502);
        world.pass(1);
    }
    let calls = world.calls("metadata");
    assert!((25..=35).contains(&calls), "{calls}");
}

#[test]
fn everybody_waits_for_the_same_keys_even_if_they_never_arrive() {
    let many = (0..10).map(|_| asking(&token()));
    let world = World::new();
    world.next("metadata", [Reply::new(200, "").after(Duration::from_secs(600))]);
    let answers = world.all(many.collect());
    assert!(answers.iter().all(|answer| (answer.status, answer.code().as_str()) == (504, "entra_timeout")));
    assert_eq!(world.calls("metadata"), 1);
}

#[test]
fn keys_of_the_wrong_kind_sign_for_nobody() {
    for change in [json!({"use": "enc"}), json!({"kty": "oct"}), json!({"alg": "RS512"}), json!({"d": "AQAB"})] {
        let world = World::new();
        let mut keys = rotated_key_set("key-2");
        for (name, value) in change.as_object().unwrap() {
            keys["keys"][1][name] = value.clone();
        }
        world.next("keys", [Reply::json(200, &keys), Reply::json(200, &keys)]);
        world.get(&of_key("key-2")).is(401, "invalid_token");
    }
    // A key for personal accounts does not sign for an organisation.
    let world = World::new();
    let mut keys = rotated_key_set("key-2");
    keys["keys"][1]["issuer"] = json!("https://login.example/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0");
    world.next("keys", [Reply::json(200, &keys)]);
    world.get(&of_key("key-2")).is(401, "invalid_token");
}

fn without_issuers(mut keys: serde_json::Value) -> serde_json::Value {
    for key in keys["keys"].as_array_mut().unwrap() {
        key.as_object_mut().unwrap().remove("issuer");
    }
    keys
}

fn several_directories() -> World {
    let world = World::new();
    world.set("tenant_id", "organizations").set("allowed_tenants", TENANT);
    world
}

#[test]
fn v1_keys_have_the_issuers_of_the_v2_keys_where_there_are_several_directories() {
    let v1 = || token_with(Plan::version_1);
    let issuer_is = |issuer: serde_json::Value| {
        let mut keys = key_set();
        keys["keys"][0]["issuer"] = issuer;
        keys
    };
    let cases = [
        (key_set(), 200),
        (issuer_is(json!(format!("{AUTHORITY}/{TENANT}/v2.0"))), 200),
        (issuer_is(json!(format!("{AUTHORITY}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"))), 401),
        (issuer_is(json!(null)), 401),
        (rotated_key_set("key-2")["keys"].as_array().map(|keys| json!({"keys": [keys[1]]})).unwrap(), 401),
    ];
    for (v2_keys, status) in cases {
        let world = several_directories();
        world.next("keys-v1", (0..3).map(|_| Reply::json(200, &without_issuers(key_set()))));
        world.next("keys", (0..3).map(|_| Reply::json(200, &v2_keys)));
        assert_eq!(world.get(&v1()).status, status, "{v2_keys}");
        // An instance that finds the record in the store judges in the same way.
        let calls = world.calls("keys-v1");
        let other = world.another_instance();
        assert_eq!(other.get(&v1()).status, status, "{v2_keys}");
        assert_eq!(other.calls("keys-v1"), calls, "{v2_keys}");
    }
    // Without a v2 set there are no v1 keys; a single directory needs no v2 set.
    let world = several_directories();
    world.next("keys-v1", [Reply::json(200, &without_issuers(key_set()))]);
    world.next("keys", [Reply::new(404, "")]);
    world.get(&v1()).is(502, "entra_unusable_answer");
    let world = World::new();
    world.next("keys-v1", [Reply::json(200, &without_issuers(key_set()))]);
    assert_eq!(world.get(&v1()).status, 200);
    assert_eq!((world.calls("keys-v1"), world.calls("keys")), (1, 0));
}

#[test]
fn a_v2_key_without_an_issuer_signs_for_none_of_several_directories() {
    let world = several_directories();
    world.next("keys", (0..2).map(|_| Reply::json(200, &without_issuers(key_set()))));
    world.get(&token()).is(401, "invalid_token");
    assert_eq!(world.calls("token"), 0);
}

#[test]
fn keys_of_another_cloud_sign_for_nobody() {
    for (of_key, status) in [("microsoftonline.com", 200), ("microsoftonline.us", 401)] {
        let world = several_directories();
        let metadata = json!({"issuer": format!("{AUTHORITY}/{{tenantid}}/v2.0"), "cloud_instance_name": "microsoftonline.com",
                              "jwks_uri": format!("{AUTHORITY}/organizations/discovery/v2.0/keys")});
        let mut keys = key_set();
        keys["keys"][0]["cloud_instance_name"] = json!(of_key);
        world.next("metadata", [Reply::json(200, &metadata)]);
        world.next("keys", [Reply::json(200, &keys)]);
        assert_eq!(world.get(&token()).status, status, "{of_key}");
        assert_eq!(world.another_instance().get(&token()).status, status, "{of_key}");
        assert_eq!(world.calls("keys"), 1, "{of_key}");
    }
}
