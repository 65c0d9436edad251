//! Claims challenges: to Entra with the claims, then another call, at most twice in a row.

use serde_json::{Value, json};

use crate::scripted_host::{Reply, World, problem};

const CLAIMS: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;

fn challenge() -> Reply {
    problem(401, "claims_challenge", &json!({"claims": CLAIMS}))
}

#[test]
fn the_person_is_sent_to_entra_with_the_claims_and_the_second_call_succeeds() {
    let world = World::new();
    world.sign_in().next("profile", [challenge()]);
    let asked = world.leave_for_entra("/");
    let claims: Value = serde_json::from_str(&asked["claims"]).unwrap();
    assert_eq!(claims["access_token"]["acrs"]["value"], "c1");
    assert_eq!(claims["access_token"]["xms_cc"]["values"], json!(["cp1"]));
    assert_eq!(asked["login_hint"], "ada@example.com");
    assert_eq!(world.last_log_line()["api_code"], "claims_challenge");

    assert_eq!(world.come_back(&asked).status, 303);
    world.get("/").shows("Ada Marsh").shows("The API asked for a stronger sign-in");
    world.get("/").shows("The API asked for a stronger sign-in");
    assert_eq!((world.calls("token"), world.calls("profile")), (2, 3));
    // A new sign-in starts from the beginning.
    world.sign_in().get("/").hides("The API asked for a stronger sign-in");
}

#[test]
fn a_loop_ends_after_two_rounds() {
    let world = World::new();
    world.sign_in().next("profile", std::iter::repeat_with(challenge).take(3));
    for _ in 0..2 {
        let asked = world.leave_for_entra("/");
        assert_eq!(world.come_back(&asked).status, 303);
    }
    world.get("/").is(403, "challenge_repeated").shows("/sign-in?prompt=login");
}

#[test]
fn challenges_with_a_success_between_them_are_no_loop() {
    let world = World::new();
    world.sign_in();
    for _ in 0..4 {
        world.next("profile", [challenge()]);
        let asked = world.leave_for_entra("/");
        world.come_back(&asked);
        world.get("/").shows("Ada Marsh");
    }
}

#[test]
fn malformed_claims_are_not_sent_to_entra() {
    for claims in [json!("not json"), json!("[]"), json!(null)] {
        let world = World::new();
        world.sign_in().next("profile", [problem(401, "claims_challenge", &json!({"claims": claims}))]);
        world.get("/").is(403, "api_refused");
    }
}
