//! Signing in: to Entra and back.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_obo::host::SendFault;
use http::Response;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::scripted_host::{API, APP, APP_SECRET, APP_URL, PERSON, SESSION_SECRET, World, json_reply};

#[test]
fn the_authorization_request_is_that_of_the_code_flow_with_pkce() {
    let world = World::new();
    let asked = world.leave_for_entra("/sign-in");
    let expected = [
        ("client_id", APP),
        ("response_type", "code"),
        ("response_mode", "query"),
        ("redirect_uri", "https://app.example/signin-callback"),
        ("scope", &format!("openid profile api://{API}/user_impersonation")),
        ("code_challenge_method", "S256"),
        ("claims", r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#),
    ];
    for (name, value) in expected {
        assert_eq!(asked[name], value, "{name}");
    }
    assert!(asked["state"].len() >= 22 && asked["nonce"].len() >= 22 && asked["state"] != asked["nonce"]);
    assert!(!asked.contains_key("prompt") && !asked.contains_key("login_hint"));
    assert_ne!(world.leave_for_entra("/sign-in")["state"], asked["state"]);
}

#[test]
fn the_code_is_redeemed_with_the_verifier_and_the_secret() {
    let world = World::new();
    let asked = world.leave_for_entra("/sign-in");
    let answered = world.come_back(&asked);
    assert_eq!((answered.status, answered.header("location")), (303, "/"));
    let request = world.last("token");
    let form: std::collections::BTreeMap<_, _> = form_urlencoded::parse(request.body()).into_owned().collect();
    for (name, value) in [
        ("grant_type", "authorization_code"),
        ("client_id", APP),
        ("client_secret", APP_SECRET),
        ("code", "the-code"),
        ("redirect_uri", "https://app.example/signin-callback"),
    ] {
        assert_eq!(form[name], value, "{name}");
    }
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    assert_eq!(challenge, asked["code_challenge"]);
    assert!((43..=128).contains(&form["code_verifier"].len()));
    assert_eq!(world.cookie_names(), ["__Host-profile-session"]);
}

#[test]
fn prompts_and_hints_are_passed_on() {
    let world = World::new();
    world.sign_in();
    let asked = world.leave_for_entra("/sign-in?prompt=login");
    assert_eq!((asked["prompt"].as_str(), asked["login_hint"].as_str()), ("login", "ada@example.com"));
    let asked = world.leave_for_entra("/sign-in?prompt=select_account");
    assert_eq!(asked["prompt"], "select_account");
    assert!(!asked.contains_key("login_hint"));
    assert!(!world.leave_for_entra("/sign-in?prompt=none").contains_key("prompt"));
}

#[test]
fn what_belongs_to_no_pending_sign_in_is_refused() {
    let cookie_of = |state: &str| format!("__Host-profile-sign-in-{state}");
    let world = World::new();
    world.get("/signin-callback").is(400, "no_pending_sign_in");
    world.get("/signin-callback?code=c&state=s").is(400, "no_pending_sign_in");

    let asked = world.leave_for_entra("/sign-in");
    let state = &asked["state"];
    for query in [
        format!("code=c&state={state}x"),
        "code=c".to_owned(),
        format!("state={state}"),
        format!("code=c&error=e&state={state}"),
        format!("code=c&state={state}&state={state}"),
        "error=access_denied&state=other".to_owned(),
    ] {
        world.get(&format!("/signin-callback?{query}")).is(400, "no_pending_sign_in");
    }
    // None of that ended the sign-in.
    world.pass(899);
    assert_eq!(world.come_back(&asked).status, 303);
    // A code works once.
    world.come_back(&asked).is(400, "no_pending_sign_in");
    assert_eq!(world.calls("token"), 1);

    let asked = world.leave_for_entra("/sign-in");
    world.pass(900);
    world.come_back(&asked).is(400, "no_pending_sign_in").shows(APP_URL);
    let asked = world.leave_for_entra("/sign-in");
    world.change_cookie(&cookie_of(&asked["state"]), |value| value.insert(3, 'A'));
    world.come_back(&asked).is(400, "no_pending_sign_in");
    let asked = world.leave_for_entra("/sign-in");
    world.lose_cookie(&cookie_of(&asked["state"]));
    world.come_back(&asked).is(400, "no_pending_sign_in");
}

#[test]
fn each_refusal_has_its_page() {
    let description = |number: u32| {
        format!(
            "AADSTS{number}: <b>Prose</b>. Trace ID: {PERSON} Correlation ID: {APP} Timestamp: 2026-01-01 00:00:00Z"
        )
    };
    for (error, more, number, status, code, title) in [
        ("access_denied", "&error_subcode=cancel", 65004, 400, "sign_in_cancelled", "Sign-in cancelled"),
        ("access_denied", "", 50105, 403, "sign_in_refused", "You do not have access to this app"),
        ("consent_required", "", 90094, 403, "sign_in_refused", "Administrator approval required"),
        ("invalid_request", "", 50011, 500, "sign_in_refused", "The redirect URI is not registered"),
        ("unauthorized_client", "", 700_016, 500, "sign_in_refused", "The app registrations do not match the settings"),
        ("interaction_required", "", 50079, 403, "sign_in_refused", "You need to sign in again"),
        ("temporarily_unavailable", "", 90033, 503, "sign_in_refused", "Entra is temporarily unavailable"),
        ("strange", "", 1, 403, "sign_in_refused", "Entra refused the sign-in"),
    ] {
        let world = World::new();
        let asked = world.leave_for_entra("/sign-in");
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("error", error)
            .append_pair("error_description", &description(number))
            .append_pair("state", &asked["state"])
            .finish();
        let page = world.get(&format!("/signin-callback?{query}{more}"));
        page.is(status, code).shows(title).shows(&format!("AADSTS{number}")).shows(APP).hides("Prose");
        assert_eq!(world.calls("token"), 0);
        let line = world.last_log_line();
        assert_eq!((line["outcome"].as_str(), line["entra_correlation_id"].as_str()), (Some(code), Some(APP)));
        assert!(!line.to_string().contains("Prose"));
    }
}

#[test]
fn a_code_that_brings_no_tokens_has_its_page() {
    let refused = |error: &str, number: u32| {
        json_reply(
            400,
            &json!({"error": error, "error_codes": [number], "error_description": "Prose", "trace_id": APP}),
        )
    };
    let tokens = |change: (&str, Value)| {
        let mut body = json!({"token_type": "Bearer", "expires_in": 3600, "access_token": "a", "id_token": "b.c.d"});
        body[change.0] = change.1;
        json_reply(200, &body)
    };
    for (reply, status, code, title) in [
        (refused("invalid_client", 7_000_215), 500, "sign_in_refused", "Entra rejected this app’s secret"),
        (refused("invalid_grant", 54005), 400, "sign_in_refused", "This sign-in cannot be completed"),
        (refused("invalid_client", 500_112), 500, "sign_in_refused", "The redirect URI is not registered"),
        (Err(SendFault::TimedOut), 504, "entra_unreachable", "Entra does not respond"),
        (Err(SendFault::Broken("refused".to_owned())), 502, "entra_unreachable", "Entra does not respond"),
        (Ok(Response::new("<html>".into())), 502, "entra_unusable_answer", "Unexpected response"),
        (json_reply(500, &json!({})), 502, "entra_unusable_answer", "Unexpected response"),
        (tokens(("token_type", json!("pop"))), 502, "entra_unusable_answer", "Unexpected response"),
        (tokens(("access_token", json!("a\r\nb"))), 502, "entra_unusable_answer", "Unexpected response"),
        (tokens(("id_token", Value::Null)), 502, "entra_unusable_answer", "Unexpected response"),
        (tokens(("expires_in", json!(-1))), 502, "entra_unusable_answer", "Unexpected response"),
        (tokens(("scope", json!("x"))), 502, "id_token_refused", "not for this sign-in"),
    ] {
        let world = World::new();
        let asked = world.leave_for_entra("/sign-in");
        world.next("token", [reply]);
        world.come_back(&asked).is(status, code).shows(title).hides("Prose");
        assert!(world.cookie_names().is_empty());
    }
}

#[test]
fn two_tabs_sign_in_at_the_same_time() {
    let world = World::new();
    let first = world.leave_for_entra("/sign-in");
    let second = world.leave_for_entra("/sign-in?prompt=select_account");
    assert_eq!(world.cookie_names().len(), 2);
    // The scripted id token has the nonce of the tab that began last.
    assert_eq!(world.come_back(&second).status, 303);
    world.id_token.replace(json!({"nonce": first["nonce"]}));
    assert_eq!(world.come_back(&first).status, 303);
    assert_eq!(world.cookie_names(), ["__Host-profile-session"]);
    world.get("/").shows("Ada Marsh");
}

#[test]
fn a_browser_keeps_the_last_few_pending_sign_ins() {
    let world = World::new();
    let begin = || {
        world.pass(1);
        world.leave_for_entra("/sign-in")
    };
    let asked: Vec<_> = std::iter::repeat_with(begin).take(7).collect();
    assert_eq!(world.cookie_names().len(), 5);
    for asked in &asked[..2] {
        world.come_back(asked).is(400, "no_pending_sign_in");
    }
    for asked in &asked[2..] {
        world.id_token.replace(json!({"nonce": asked["nonce"]}));
        assert_eq!(world.come_back(asked).status, 303);
    }
    // Expired ones, and cookies that this app did not seal, make room first.
    begin();
    world.pass(900);
    world.change_cookie("__Host-profile-session", String::clear);
    let last = begin();
    assert_eq!(world.cookie_names(), ["__Host-profile-session", &format!("__Host-profile-sign-in-{}", last["state"])]);
    world.change_cookie(&format!("__Host-profile-sign-in-{}", last["state"]), String::clear);
    begin();
    assert_eq!(world.cookie_names().len(), 2);
}

#[test]
fn pages_about_a_failed_sign_in_say_that_an_earlier_session_lasts() {
    let world = World::new();
    world.sign_in();
    let cancel = "/signin-callback?error=access_denied&error_subcode=cancel&state=";
    let asked = world.leave_for_entra("/sign-in?prompt=select_account");
    let page = world.get(&format!("{cancel}{}", asked["state"]));
    page.is(400, "sign_in_cancelled").shows("Signed in as</span> Ada Marsh").shows("Sign-in cancelled");
    page.shows("You are still signed in as before").shows("href=\"/\">Go to your profile");
    for query in ["", "error=access_denied&error_description=AADSTS50105&state=", "code=c&state="] {
        let asked = world.leave_for_entra("/sign-in");
        world.next("token", [Err(SendFault::TimedOut)]);
        let page = world.get(&format!("/signin-callback?{query}{}", asked["state"]));
        page.shows("Signed in as</span> Ada Marsh").shows("You are still signed in as before");
    }
    // Others do not read that.
    let world = World::new();
    let asked = world.leave_for_entra("/sign-in");
    let page = world.get(&format!("{cancel}{}", asked["state"]));
    page.is(400, "sign_in_cancelled").shows("Sign-in cancelled").hides("Signed in as").hides("still signed in");
}

#[test]
fn nobody_is_signed_in_by_an_expired_token() {
    let world = World::new();
    world.sign_in().pass(3600);
    world.get("/").is(403, "session_expired").hides("Signed in as").shows("Your session has expired");
    // The next sign-in still knows the account.
    assert_eq!(world.leave_for_entra("/sign-in")["login_hint"], "ada@example.com");
}

#[test]
fn an_id_token_of_another_sign_in_is_refused() {
    for change in
        [json!({"nonce": "other"}), json!({"aud": API}), json!({"tid": API}), json!({"iss": "x"}), json!({"exp": 1})]
    {
        let world = World::new();
        world.id_token.replace(change.clone());
        let asked = world.leave_for_entra("/sign-in");
        world.come_back(&asked).is(502, "id_token_refused");
        assert!(world.cookie_names().is_empty(), "{change}");
    }
}

#[test]
fn the_secret_is_loaded_again_after_entra_rejected_it() {
    let world = World::new();
    let asked = world.leave_for_entra("/sign-in");
    world.next("token", [json_reply(401, &json!({"error": "invalid_client", "error_codes": [7_000_222]}))]);
    world.set("appclientsecret", Ok("new-secret"));
    world.come_back(&asked).is(500, "sign_in_refused");
    world.sign_in();
    assert!(String::from_utf8_lossy(world.last("token").body()).contains("client_secret=new-secret"));
}

#[test]
fn a_long_token_takes_several_cookies_and_one_too_long_is_refused() {
    let world = World::new();
    world.token_bytes.set(5000);
    world.sign_in();
    assert_eq!(world.cookie_names().len(), 3);
    world.get("/").shows("Ada Marsh");
    world.token_bytes.set(100);
    world.sign_in();
    assert_eq!(world.cookie_names(), ["__Host-profile-session"]);
    world.get("/").shows("Ada Marsh");
    world.token_bytes.set(20000);
    let asked = world.leave_for_entra("/sign-in");
    world.come_back(&asked).is(502, "token_too_long");
}

#[test]
fn no_secret_is_shown_or_logged() {
    let world = World::new();
    world.sign_in();
    let page = world.get("/").text();
    let token = world.last("profile").headers()["authorization"].to_str().unwrap().replace("Bearer ", "");
    let log = world.log.borrow().join("\n");
    let cookies = world.cookie_values().join(" ");
    for secret in [APP_SECRET, SESSION_SECRET, "the-code", &token, "c2lnbmF0dXJl", "ada@example.com"] {
        assert!(!log.contains(secret) && !cookies.contains(secret), "{secret}");
        assert!(!page.contains(secret) || secret == "ada@example.com", "{secret}");
    }
}
