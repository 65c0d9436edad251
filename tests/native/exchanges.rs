//! Everything that Entra can answer to an exchange.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use entra_obo::host::SendFault;
use serde_json::{Value, json};

use crate::{
    answered::Answered,
    caller_tokens::{token, token_with},
    scripted_host::{AUTHORITY, CLIENT, Reply, SECRET, TENANT, World, request_head},
};

const CLAIMS: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;

fn refused(error: &Value) -> (World, Answered) {
    let world = World::new();
    let mut body = error.clone();
    body["correlation_id"] = json!("entra-correlation");
    body["trace_id"] = json!("entra-trace");
    body["error_description"] = json!("AADSTS0: words that nobody should see");
    world.next("token", [Reply::json(400, &body)]);
    let answer = world.get(&token());
    assert_eq!(world.calls("me"), 0);
    assert!(!String::from_utf8_lossy(&answer.body).contains("AADSTS"), "{answer:?}");
    assert_eq!(answer.json()["entra_correlation_id"], "entra-correlation");
    assert_eq!(answer.json()["entra_trace_id"], "entra-trace");
    (world, answer)
}

#[test]
fn a_claims_challenge_goes_to_the_caller_as_msal_reads_it() {
    let body =
        json!({"error": "interaction_required", "error_codes": [50076], "suberror": "basic_action", "claims": CLAIMS});
    let (_, answer) = refused(&body);
    answer.is(401, "claims_challenge");
    assert_eq!(
        answer.header("www-authenticate"),
        format!(
            "Bearer realm=\"{TENANT}\", authorization_uri=\"{AUTHORITY}/{TENANT}/oauth2/authorize\", \
             error=\"insufficient_claims\", claims=\"{}\"",
            STANDARD.encode(CLAIMS)
        )
    );
    assert_eq!(answer.json()["claims"], CLAIMS);
}

#[test]
fn callers_learn_what_they_can_act_on() {
    let cases = [
        (json!({"error": "interaction_required", "error_codes": [50076]}), 401, "interaction_required"),
        (json!({"error": "invalid_grant", "error_codes": [500133]}), 401, "token_refused"),
        (json!({"error": "invalid_grant", "error_codes": [50173], "suberror": "bad_token"}), 401, "token_refused"),
        (json!({"error": "invalid_grant", "error_codes": [53003], "suberror": "message_only"}), 403, "access_denied"),
        (
            json!({"error": "invalid_grant", "error_codes": [53003], "suberror": "message_only", "claims": CLAIMS}),
            403,
            "access_denied",
        ),
        (json!({"error": "invalid_grant", "error_codes": [50105]}), 403, "access_denied"),
        (json!({"error": "interaction_required", "error_codes": [90072]}), 403, "access_denied"),
        (json!({"error": "invalid_grant", "error_codes": [500571]}), 403, "access_denied"),
        (json!({"error": "invalid_grant", "error_codes": [53011]}), 403, "access_denied"),
        (json!({"error": "invalid_grant", "error_codes": [530084]}), 403, "access_denied"),
        (json!({"error": "invalid_grant", "error_codes": [50158]}), 401, "interaction_required"),
        (json!({"error": "unauthorized_client", "error_codes": [7000114]}), 403, "app_only_token"),
        (
            json!({"error": "invalid_grant", "error_codes": [65001], "suberror": "consent_required"}),
            403,
            "consent_required",
        ),
    ];
    for (body, status, code) in cases {
        let (_, answer) = refused(&body);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{body}");
        assert_eq!(answer.status == 401, answer.header("www-authenticate").contains("invalid_token"), "{body}");
        assert_eq!(answer.json().get("claims"), None, "{body}");
    }
}

#[test]
fn missing_consent_comes_with_the_addresses_where_to_give_it() {
    let (_, answer) =
        refused(&json!({"error": "invalid_grant", "suberror": "consent_required", "error_codes": [65001]}));
    let body = answer.json();
    let scope = "scope=https%3A%2F%2Fgraph.microsoft.com%2FUser.Read";
    assert_eq!(
        body["consent_url"],
        format!(
            "{AUTHORITY}/{TENANT}/oauth2/v2.0/authorize?client_id={CLIENT}&response_type=code&prompt=consent&{scope}"
        )
    );
    assert_eq!(body["admin_consent_url"], format!("{AUTHORITY}/{TENANT}/v2.0/adminconsent?client_id={CLIENT}&{scope}"));
    assert_eq!(body["scopes"], "https://graph.microsoft.com/User.Read");
    assert!(answer.header("www-authenticate").contains("proposedAction=\"consent\""));
}

#[test]
fn the_rest_is_for_the_operator() {
    for body in [
        json!({"error": "unauthorized_client", "error_codes": [700016]}),
        json!({"error": "invalid_scope", "error_codes": [70011]}),
        json!({"error": "invalid_grant", "error_codes": [500131]}),
    ] {
        let (world, answer) = refused(&body);
        answer.is(500, "server_misconfigured");
        let line = world.script.log.borrow()[0].clone();
        let error = body["error"].as_str().unwrap();
        assert!(line.contains(error) && line.contains("entra-trace") && line.contains("\"error\""), "{line}");
    }
}

fn token_of(person: u64, number: u64) -> String {
    token_with(|plan| {
        plan.claim("oid", format!("33333333-3333-4333-8333-{person:012}"));
        plan.claim("uti", number);
    })
}

#[test]
fn a_directory_without_this_api_learns_how_to_add_it() {
    for (code, status, meaning) in [(700_016, 403, "consent_required"), (7_000_112, 403, "access_denied")] {
        let world = World::new();
        world.set("tenant_id", "organizations").set("allowed_tenants", TENANT);
        world.next("token", [Reply::json(400, &json!({"error": "unauthorized_client", "error_codes": [code]}))]);
        let answer = world.get(&token());
        answer.is(status, meaning);
        assert_eq!(answer.json().get("admin_consent_url").is_some(), meaning == "consent_required");
    }
}

#[test]
fn throttling_affects_those_whom_it_is_about_and_nobody_else() {
    let throttled = || json!({"error": "temporarily_unavailable"});
    let of_directory = || json!({"error": "invalid_request", "error_codes": [90055]});
    let of_token = || json!({"error": "invalid_grant", "error_codes": [50196]});
    // The response; then whether others are affected: another token of the same person, another person of the
    // directory.
    for (status, body, same_person, same_directory) in [
        (429, throttled(), true, false),
        (400, of_directory(), true, true),
        (429, of_directory(), true, true),
        (400, of_token(), false, false),
        (429, of_token(), false, false),
    ] {
        let world = World::new();
        world.next("token", [Reply::json(status, &body).header("retry-after", "6.2")]);
        let bearer = token_of(1, 1);
        for _ in 0..20 {
            let answer = world.get(&bearer);
            answer.is(503, "entra_throttled");
            assert_eq!(answer.header("retry-after"), "7");
        }
        assert_eq!(world.calls("token"), 1, "{body}");
        let expected = |held| if held { 503 } else { 200 };
        assert_eq!(world.get(&token_of(1, 2)).status, expected(same_person), "{body}");
        assert_eq!(world.get(&token_of(2, 1)).status, expected(same_directory), "{body}");
        world.pass(7);
        for token in [token_of(1, 1), token_of(1, 2), token_of(2, 1)] {
            assert_eq!(world.get(&token).status, 200, "{body}, later");
        }
    }
}

#[test]
fn an_exchange_that_would_be_refused_again_is_not_repeated_for_a_while() {
    let graph_refuses =
        || Reply::json(401, &json!({"error": {"code": "x"}})).header("www-authenticate", "Bearer realm=\"\"");
    // Entra's response, and the longest time for which it is repeated.
    for (status, body, seconds) in [
        (400, json!({"error": "invalid_grant", "suberror": "consent_required", "error_codes": [65001]}), 5),
        (400, json!({"error": "interaction_required", "claims": CLAIMS}), 60),
        (400, json!({"error": "interaction_required", "error_codes": [50076]}), 15),
        (400, json!({"error": "invalid_grant", "error_codes": [500133]}), 60),
        (400, json!({"error": "invalid_grant", "error_codes": [50105]}), 15),
        (400, json!({"error": "invalid_scope", "error_codes": [70011]}), 10),
        (503, json!({}), 40),
    ] {
        let world = World::new();
        world.next("token", [Reply::json(status, &body).header("retry-after", "40")]);
        let bearer = token();
        let first = world.get(&bearer);
        for _ in 0..100 {
            let again = world.get(&bearer);
            assert_eq!((again.status, again.code()), (first.status, first.code()), "{body}");
            assert_eq!(again.header("www-authenticate"), first.header("www-authenticate"), "{body}");
        }
        assert_eq!(world.calls("token"), 1, "{body}");
        assert_eq!(world.get(&token_of(2, 1)).status, 200, "another caller, {body}");
        world.pass(seconds - 1);
        assert_ne!(world.get(&token()).status, 200, "{body}");
        world.pass(1);
        assert_eq!(world.get(&token()).status, 200, "{body}");
    }
    // A token that Graph does not accept, however new.
    let world = World::new();
    world.next("me", (0..4).map(|_| graph_refuses()));
    let bearer = token();
    for _ in 0..50 {
        world.get(&bearer).is(502, "graph_refused_token");
    }
    assert_eq!(world.calls("token"), 2);
    world.pass(15);
    world.get(&token()).is(502, "graph_refused_token");
    world.pass(15);
    assert_eq!(world.get(&token()).status, 200);
    // A credential that Entra does not accept concerns everyone.
    let world = World::new();
    world.next("token", [Reply::json(401, &json!({"error": "invalid_client", "error_codes": [7_000_215]}))]);
    for person in 0..50 {
        world.get(&token_of(person, 1)).is(500, "server_misconfigured");
    }
    assert_eq!(world.calls("token"), 1);
    world.set("client_secret", "rotated-secret");
    world.pass(5);
    assert_eq!(world.get(&token_of(1, 1)).status, 200);
    assert_eq!((world.calls("token"), world.form()["client_secret"].as_str()), (2, "rotated-secret"));
}

#[test]
fn during_an_outage_each_caller_causes_an_exchange_every_few_seconds() {
    let world = World::new();
    world.next("token", (0..1000).map(|_| Reply::new(500, "")));
    let bearer = token();
    for _ in 0..100 {
        world.get(&bearer).is(503, "entra_unavailable");
        world.pass(1);
    }
    // Each attempt tries twice.
    assert!((40..=60).contains(&world.calls("token")), "{}", world.calls("token"));
}

#[test]
fn a_loop_throttles_only_one_token() {
    let world = World::new();
    world.next("token", [Reply::json(400, &json!({"error": "invalid_grant", "error_codes": [50196]}))]);
    let first = token();
    let answer = world.get(&first);
    answer.is(503, "entra_throttled");
    assert_eq!(answer.header("retry-after"), "60");
    world.get(&first).is(503, "entra_throttled");
    assert_eq!(world.calls("token"), 1);
    assert_eq!(world.get(&token_with(|plan| plan.claim("uti", "another"))).status, 200);
}

#[test]
fn outages_have_their_own_answers() {
    let garbage = || Reply::new(200, "<html>");
    let cases: [(Vec<Reply>, u16, &str, usize); 8] = [
        (vec![Reply::fault(SendFault::Broken("refused".into())); 2], 502, "entra_unreachable", 2),
        (vec![Reply::fault(SendFault::TimedOut)], 504, "entra_timeout", 1),
        (vec![Reply::new(200, "").after(Duration::from_secs(60))], 504, "entra_timeout", 1),
        (vec![Reply::fault(SendFault::Denied("https://denied.example".to_owned()))], 503, "server_unavailable", 1),
        (vec![Reply::new(503, "").header("retry-after", "30")], 503, "entra_unavailable", 1),
        (vec![Reply::new(500, ""), Reply::new(500, "")], 503, "entra_unavailable", 2),
        (vec![garbage()], 502, "entra_unusable_answer", 1),
        (vec![Reply::new(200, vec![b' '; 200_000])], 502, "entra_unusable_answer", 1),
    ];
    for (replies, status, code, calls) in cases {
        let world = World::new();
        let what = format!("{replies:?}").chars().take(120).collect::<String>();
        world.next("token", replies);
        let answer = world.get(&token());
        assert_eq!((answer.status, answer.code().as_str(), world.calls("token")), (status, code, calls), "{what}");
        assert_eq!(world.calls("me"), 0, "{what}");
        assert!(world.elapsed() <= Duration::from_secs(20), "{what}");
        world.pass(if what.contains("retry-after") { 30 } else { 0 });
        assert_eq!(world.get(&token()).status, 200, "{what}, afterwards");
    }
}

#[test]
fn an_outage_of_entra_has_the_same_answer_at_each_endpoint() {
    for endpoint in ["metadata", "keys", "token"] {
        for status in [500, 502, 503, 504, 509] {
            let world = World::new();
            world.next(endpoint, vec![Reply::new(status, "<html>"); 2]);
            let answer = world.get(&token());
            answer.is(503, "entra_unavailable");
            assert_eq!(answer.header("retry-after"), "5", "{endpoint} {status}");
            assert_eq!(world.get(&token()).status, 200, "{endpoint} {status}, afterwards");
        }
    }
}

#[test]
fn callers_do_not_notice_a_single_failure() {
    for reply in [Reply::fault(SendFault::Broken("reset".into())), Reply::new(502, ""), Reply::new(503, "")] {
        let world = World::new();
        world.next("token", [reply]);
        assert_eq!(world.get(&token()).status, 200);
        assert_eq!(world.calls("token"), 2);
    }
}

#[test]
fn a_rotated_secret_is_read_again_when_entra_refuses_the_old_one() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    let refusal = || Reply::json(401, &json!({"error": "invalid_client", "error_codes": [7_000_215]}));
    let another = |name: &str| token_with(|plan| plan.claim("uti", name));

    world.set("client_secret", "rotated-secret");
    world.next("token", [refusal()]);
    assert_eq!(world.get(&another("b")).status, 200);
    assert_eq!(world.form()["client_secret"], "rotated-secret");

    // Still wrong: one response for the caller, one line for the operator, and no flood of readings.
    let reads = || world.script.variable_reads.borrow().iter().filter(|name| *name == "client_secret").count();
    world.pass(31);
    let before = reads();
    for name in ["c", "d", "e"] {
        world.next("token", [refusal()]);
        let answer = world.get(&another(name));
        answer.is(500, "server_misconfigured");
        assert_eq!(answer.header("www-authenticate"), "");
        let line = world.script.log.borrow().last().unwrap().clone();
        assert!(line.contains("set clientsecret to the value, not the id"), "{line}");
    }
    assert_eq!(reads(), before + 1);
}

/// Only a reading that found the same secret shows that another soon would too.
#[test]
fn a_rotated_secret_is_found_as_soon_as_the_vault_can_be_read() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    let reads = || world.script.variable_reads.borrow().iter().filter(|name| *name == "client_secret").count();
    let before = reads();
    world.script.variables.borrow_mut().insert("client_secret", Err("the vault is down".to_owned()));
    world.next("token", [Reply::json(401, &json!({"error": "invalid_client", "error_codes": [7_000_215]}))]);
    for person in 0..50 {
        world.get(&token_of(person, 1)).is(500, "server_misconfigured");
    }
    // The back-off of failed readings holds: a pause follows the second.
    assert_eq!(reads(), before + 2);
    world.set("client_secret", "rotated-secret");
    world.pass(1);
    assert_eq!(world.get(&token_of(1, 1)).status, 200);
    assert_eq!(world.form()["client_secret"], "rotated-secret");
}

#[test]
fn a_secret_that_cannot_be_read_again_is_still_used() {
    let world = World::new();
    assert_eq!(world.get(&token_with(|plan| plan.claim("uti", "one"))).status, 200);
    let unreadable = || Err("the vault is down".to_owned());
    world.script.variables.borrow_mut().insert("client_secret", unreadable());
    world.pass(700);
    for name in ["two", "three"] {
        assert_eq!(world.get(&token_with(|plan| plan.claim("uti", name))).status, 200);
    }
    let reads = world.script.variable_reads.borrow().iter().filter(|name| *name == "client_secret").count();
    assert_eq!(reads, 3);
}

#[test]
fn entra_is_not_blamed_for_a_vault_that_keeps_the_host_from_calling() {
    let world = World::new();
    world.script.variables.borrow_mut().insert("client_secret", Err("the vault is down".to_owned()));
    world.script.before_sending.set(Duration::from_secs(90));
    let answer = world.get(&token());
    answer.is(503, "server_unavailable");
    assert!(world.script.log.borrow()[0].contains("clientsecret"));
}

#[test]
fn a_secret_that_cannot_be_read_is_an_outage() {
    let world = World::new();
    world.script.variables.borrow_mut().insert("client_secret", Err("Failed to read variable".to_owned()));
    let answer = world.get(&token());
    answer.is(503, "server_unavailable");
    assert!(!answer.header("retry-after").is_empty());
    assert!(world.script.log.borrow()[0].contains("clientsecret"));
    world.set("client_secret", SECRET);
    assert_eq!(world.get(&token()).status, 200);
}

#[test]
fn requests_at_the_same_time_share_one_exchange_and_its_outcome() {
    let bearer = format!("Bearer {}", token());
    let many = || (0..10).map(|_| request_head(http::Method::GET, "/api/profile-get", &[("authorization", &bearer)]));
    let slow = Duration::from_millis(800);

    let world = World::new();
    let token_reply = json!({"token_type": "Bearer", "access_token": "slow", "expires_in": 3600});
    world.next("token", [Reply::json(200, &token_reply).after(slow)]);
    assert!(world.all(many().collect()).iter().all(|answer| answer.status == 200));
    assert_eq!((world.calls("metadata"), world.calls("keys"), world.calls("token")), (1, 1, 1));
    let secret_reads = world.script.variable_reads.borrow().iter().filter(|name| *name == "client_secret").count();
    assert_eq!(secret_reads, 1);

    let world = World::new();
    world.next("token", [Reply::json(400, &json!({"error": "invalid_grant"})).after(slow)]);
    let answers = world.all(many().collect());
    assert!(answers.iter().all(|answer| answer.code() == "token_refused"));
    assert_eq!(world.calls("token"), 1);
}
