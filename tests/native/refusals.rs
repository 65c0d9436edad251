//! Everything that is refused before any call, or right after the signature was checked.

use http::Method;
use serde_json::{Value, json};

use crate::{
    caller_tokens::{Plan, token, token_with},
    scripted_host::{APPLICATION, AUTHORITY, CLIENT, NOW, OTHER_TENANT, PERSON, SECRET, TENANT, World},
};

/// A token that is broken in one way.
type Break = fn(&mut Plan);

#[test]
fn a_token_with_one_thing_wrong_is_refused_and_nothing_is_called_in_its_name() {
    // (what, how, whether keys are requested)
    let cases: [(&str, Break, bool); 31] = [
        ("another audience", |plan| plan.claim("aud", PERSON), false),
        ("two audiences", |plan| plan.claim("aud", json!([CLIENT])), false),
        ("Graph's audience", |plan| plan.claim("aud", "00000003-0000-0000-c000-000000000000"), false),
        ("Graph's address", |plan| plan.claim("aud", "https://graph.microsoft.com/"), false),
        ("Graph's nonce", |plan| _ = plan.header.insert("nonce".into(), "n".into()), false),
        ("another tenant", |plan| plan.claim("tid", OTHER_TENANT), false),
        ("no tenant", |plan| plan.without("tid"), false),
        ("a second tenant in other letters", |plan| plan.claim("TID", OTHER_TENANT), false),
        ("long expired", |plan| plan.claim("exp", NOW - 300), false),
        ("not yet valid", |plan| plan.claim("nbf", NOW + 301), false),
        ("no expiry", |plan| plan.without("exp"), false),
        ("an expiry in words", |plan| plan.claim("exp", (NOW + 60).to_string()), false),
        ("no version", |plan| plan.without("ver"), false),
        ("another algorithm", |plan| _ = plan.header.insert("alg".into(), "HS256".into()), false),
        ("no algorithm", |plan| _ = plan.header.insert("alg".into(), "none".into()), false),
        ("critical extensions", |plan| _ = plan.header.insert("crit".into(), json!(["exp"])), false),
        ("no key id", |plan| _ = plan.header.remove("kid"), false),
        ("bound to a key of its client", |plan| plan.claim("cnf", json!({"kid": "k", "xms_ksl": "sw"})), false),
        ("bound to a certificate", |plan| plan.claim("cnf", json!({"x5t#S256": "thumbprint"})), false),
        ("bound to nothing", |plan| plan.claim("cnf", Value::Null), false),
        ("a signed request around a token", |plan| _ = plan.header.insert("typ".into(), "pop".into()), false),
        ("a proof of DPoP", |plan| _ = plan.header.insert("typ".into(), "dpop+jwt".into()), false),
        ("valid for ten years", |plan| plan.claim("exp", NOW + 315_360_000), false),
        ("valid for a day and more", |plan| plan.claim("exp", NOW + 28 * 3600 + 301), false),
        ("valid since 1970", |plan| plan.claim("nbf", 0), false),
        ("an ID token", Plan::id_token, false),
        ("another issuer", |plan| plan.claim("iss", format!("{AUTHORITY}.evil/{TENANT}/v2.0")), true),
        ("the other form's issuer", |plan| plan.claim("iss", format!("https://sts.windows.net/{TENANT}/")), true),
        ("another tenant's issuer", |plan| plan.claim("iss", format!("{AUTHORITY}/{OTHER_TENANT}/v2.0")), true),
        ("another key's signature", |plan| plan.foreign_key = true, true),
        ("an unknown key", |plan| _ = plan.header.insert("kid".into(), "key-2".into()), true),
    ];
    for (what, change, asks_keys) in cases {
        let world = World::new();
        let answer = world.get(&token_with(change));
        assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_token"), "{what}");
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""), "{what}");
        assert_eq!(world.calls("token") + world.calls("me"), 0, "{what}");
        assert_eq!(world.calls("keys") > 0, asks_keys, "{what}");
        let line: Value = serde_json::from_str(&world.script.log.borrow()[0]).unwrap();
        assert_eq!(line.get("tenant_id"), None, "{what}: ids of an unproven token are nobody's");
    }
}

#[test]
fn caller_and_operator_learn_what_is_wrong() {
    let cases: [(Break, &str); 6] = [
        (|plan| plan.claim("cnf", json!({"jkt": "thumbprint"})), "bound to a key"),
        (|plan| _ = plan.header.insert("typ".into(), "pop".into()), "bound to a key"),
        (|plan| plan.claim("exp", NOW + 2_000_000), "valid for longer than any token that Entra issues"),
        (Plan::id_token, "is an ID token"),
        (
            |plan| {
                plan.id_token();
                plan.claim("roles", json!(["Reader"]));
            },
            "is an ID token",
        ),
        (|plan| plan.claim("aud", PERSON), "its aud is not this API"),
    ];
    for (change, words) in cases {
        let world = World::new();
        let answer = world.get(&token_with(change));
        answer.is(401, "invalid_token");
        assert!(answer.json()["detail"].as_str().unwrap().contains(words), "{words} in {answer:?}");
        assert!(answer.header("www-authenticate").contains(words), "{words} in {answer:?}");
        let log = world.script.log.borrow();
        assert!(log[0].contains(words), "{words} in {log:?}");
        assert!(words != "its aud is not this API" || log[0].contains(PERSON), "{log:?}");
    }
    // An audience that is not a GUID: the log does not repeat it.
    let world = World::new();
    world.get(&token_with(|plan| plan.claim("aud", "chosen-by-the-caller"))).is(401, "invalid_token");
    assert!(!world.script.log.borrow()[0].contains("chosen"));
}

#[test]
fn a_token_may_live_for_28_hours() {
    let world = World::new();
    assert_eq!(world.get(&token_with(|plan| plan.claim("exp", NOW + 28 * 3600))).status, 200);
}

#[test]
fn clocks_may_differ_by_five_minutes() {
    let world = World::new();
    assert_eq!(world.get(&token_with(|plan| plan.claim("exp", NOW - 299))).status, 200);
    assert_eq!(world.get(&token_with(|plan| plan.claim("nbf", NOW + 300))).status, 200);
}

#[test]
fn any_change_of_a_single_character_is_refused() {
    let world = World::new();
    let good = token();
    assert_eq!(world.get(&good).status, 200);
    for at in (0..good.len()).step_by(7).chain([good.len() - 1]) {
        for to in ['A', 'b', '-'] {
            let mut changed: Vec<char> = good.chars().collect();
            if changed[at] == to {
                continue;
            }
            changed[at] = to;
            let changed: String = changed.into_iter().collect();
            assert_eq!(world.get(&changed).status, 401, "{to} at {at}");
        }
    }
    for extra in [format!("{good}="), format!("{good}."), format!(".{good}"), format!("{good}AAAA")] {
        assert_eq!(world.get(&extra).status, 401, "{extra}");
    }
}

#[test]
fn permissions_are_checked_after_the_signature_has_proven_who_calls() {
    let cases: [(&str, Break, &str); 8] = [
        ("no scope", |plan| plan.without("scp"), "insufficient_scope"),
        ("another scope", |plan| plan.claim("scp", "User.Read openid"), "insufficient_scope"),
        ("the scope's beginning", |plan| plan.claim("scp", "user_impersonation2"), "insufficient_scope"),
        (
            "an application by its roles",
            |plan| {
                plan.without("scp");
                plan.claim("roles", json!(["Reader"]));
            },
            "app_only_token",
        ),
        ("an application by its type", |plan| plan.claim("idtyp", "app"), "app_only_token"),
        ("an application by what it has not", Plan::app_only, "app_only_token"),
        (
            "an application's v1 token",
            |plan| {
                plan.version_1();
                plan.app_only();
            },
            "app_only_token",
        ),
        (
            "no scope, and said to be a person's",
            |plan| {
                plan.app_only();
                plan.claim("idtyp", "user");
            },
            "insufficient_scope",
        ),
    ];
    for (what, change, code) in cases {
        let world = World::new();
        let answer = world.get(&token_with(change));
        assert_eq!((answer.status, answer.code().as_str()), (403, code), "{what}");
        assert!(answer.header("www-authenticate").contains("error=\"insufficient_scope\""), "{what}");
        assert_eq!(world.calls("token") + world.calls("me"), 0, "{what}");
        let forged = token_with(|plan| {
            change(plan);
            plan.foreign_key = true;
        });
        world.get(&forged).is(401, "invalid_token");
    }
}

#[test]
fn any_of_the_required_scopes_is_enough() {
    let world = World::new();
    world.set("required_scope", "Profile.Read user_impersonation");
    assert_eq!(world.get(&token_with(|plan| plan.claim("scp", "openid Profile.Read"))).status, 200);
    let answer = world.get(&token_with(|plan| plan.claim("scp", "openid")));
    answer.is(403, "insufficient_scope");
    let scopes = format!("api://{CLIENT}/Profile.Read api://{CLIENT}/user_impersonation");
    assert!(answer.header("www-authenticate").contains(&format!("scope=\"{scopes}\"")));
    assert_eq!(answer.json()["scopes"], scopes);
}

#[test]
fn an_application_id_uri_is_an_audience_of_version_1_and_the_prefix_of_scopes() {
    let uri = format!("api://tab.contoso.example/{CLIENT}");
    let of_version_1 = |uri: &str| {
        token_with(|plan| {
            plan.version_1();
            plan.claim("aud", uri);
        })
    };
    World::new().get(&of_version_1(&uri)).is(401, "invalid_token");
    let world = World::new();
    world.set("application_id_uris", &uri).set("required_scope", &format!("{uri}/user_impersonation"));
    for audience in [&uri, &format!("{uri}/"), &format!("api://{CLIENT}"), &format!("spn:{CLIENT}")] {
        assert_eq!(world.get(&of_version_1(audience)).status, 200, "{audience}");
    }
    let answer = world.get(&token_with(|plan| plan.claim("scp", "other")));
    answer.is(403, "insufficient_scope");
    assert!(answer.header("www-authenticate").contains(&format!("scope=\"{uri}/user_impersonation\"")), "{answer:?}");
}

#[test]
fn only_listed_applications_may_call_if_there_is_a_list() {
    let world = World::new();
    world.set("allowed_clients", APPLICATION);
    assert_eq!(world.get(&token()).status, 200);
    assert_eq!(world.get(&token_with(Plan::version_1)).status, 200);
    let cases: [Break; 3] = [
        |plan| plan.claim("azp", CLIENT),
        |plan| plan.without("azp"),
        |plan| {
            plan.without("azp");
            plan.claim("appid", APPLICATION);
        },
    ];
    for change in cases {
        world.get(&token_with(change)).is(403, "client_not_allowed");
    }
}

#[test]
fn several_directories_are_admitted_by_a_list() {
    let world = World::new();
    world.set("tenant_id", "organizations").set("allowed_tenants", &format!("{TENANT},{OTHER_TENANT}"));
    let of_other = |plan: &mut Plan| {
        plan.claim("tid", OTHER_TENANT);
        plan.claim("iss", format!("{AUTHORITY}/{OTHER_TENANT}/v2.0"));
    };
    assert_eq!(world.get(&token()).status, 200);
    assert_eq!(world.get(&token_with(of_other)).status, 200);
    // Exchanged at their own directory, never at a common address.
    assert_eq!(world.last("token").uri().path(), format!("/{OTHER_TENANT}/oauth2/v2.0/token"));
    world.get(&token_with(|plan| plan.claim("tid", OTHER_TENANT))).is(401, "invalid_token");
    world.get(&token_with(|plan| plan.claim("tid", PERSON))).is(401, "invalid_token");
    let answer = world.ask("/api/profile-get", &[]);
    assert!(answer.header("www-authenticate").starts_with("Bearer realm=\"\", "));
}

#[test]
fn without_a_token_there_is_a_bare_challenge() {
    let world = World::new();
    for headers in [vec![], vec![("authorization", "Basic YTpi")]] {
        let answer = world.ask("/api/profile-get", &headers);
        answer.is(401, "token_missing");
        assert_eq!(
            answer.header("www-authenticate"),
            format!("Bearer realm=\"{TENANT}\", authorization_uri=\"{AUTHORITY}/{TENANT}/oauth2/authorize\"")
        );
    }
    let bearer = format!("Bearer {}", token());
    let twice = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
    world.ask("/api/profile-get", &twice).is(400, "invalid_request");
    world.ask("/api/profile-get", &[("authorization", "Bearer x y")]).is(401, "invalid_token");
    assert_eq!(world.script.requests.borrow().len(), 0);
}

#[test]
fn other_paths_and_methods_are_not_served() {
    let world = World::new();
    let bearer = format!("Bearer {}", token());
    for path in ["/", "/api", "/api/profile-get/", "/api/profile-get/x", "/api/Profile-get", "/api/profile-get%2f"] {
        world.ask(path, &[("authorization", &bearer)]).is(404, "not_found");
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = world.request(method.clone(), "/api/profile-get", &[("authorization", &bearer)]);
        answer.is(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), "GET, HEAD", "{method}");
    }
    assert_eq!(world.script.requests.borrow().len(), 0);
}

#[test]
fn wrong_variables_are_named_in_the_log_and_nowhere_else() {
    let world = World::new();
    world.set("client_id", "not a guid").set("graph_url", "http://graph.example").set("client_secret", "");
    world.unset("tenant_id");
    let answer = world.get(&token());
    answer.is(500, "server_misconfigured");
    let body = String::from_utf8(answer.body.clone()).unwrap();
    let line = world.script.log.borrow()[0].clone();
    for name in ["client_id: ", "graph_url: ", "tenant_id: ", "clientsecret: "] {
        assert!(line.contains(name), "{name} in {line}");
        assert!(!body.contains(name.trim_end_matches(": ")), "{name} in {body}");
    }
    // Once they are fixed, it works at once.
    world.set("client_id", CLIENT).set("graph_url", "https://graph.example").set("tenant_id", TENANT);
    world.set("client_secret", SECRET);
    assert_eq!(world.get(&token()).status, 200);
}

#[test]
fn a_wrong_secret_alone_is_found_when_it_is_needed() {
    for secret in ["", " padded ", "-----BEGIN nonsense", "YOUR-SECRET", "8f4d1f0e-5a0c-4c0e-9d5d-3a1b2c3d4e5f"] {
        let world = World::new();
        world.set("client_secret", secret).set("token_store_slots", "0");
        world.get(&token()).is(500, "server_misconfigured");
        let line = world.script.log.borrow()[0].clone();
        assert!(line.contains("clientsecret") && (secret.is_empty() || !line.contains(secret)), "{line}");
        assert_eq!(world.calls("token"), 0);
    }
}
