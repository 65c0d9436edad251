//! Credentials that are no secret: the token in a file, and the token of a managed identity.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_obo::host::{FileFault, SendFault};
use http::{Method, Request};
use serde_json::{Value, json};

use crate::{
    answered::Answered,
    caller_tokens::{token, token_with},
    scripted_host::{CLIENT, IDENTITY_ENDPOINT, NOW, Reply, World, request_head},
};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token that is valid from now on for so many seconds, which may be negative.
fn federated(name: &str, seconds: i64) -> String {
    let claims = json!({"sub": name, "exp": i64::try_from(NOW).unwrap() + seconds}).to_string();
    [r#"{"alg":"RS256"}"#, &claims, "signature"].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

/// A world whose credential is in a file with these contents, one reading after the other.
fn with_file(contents: &[&str]) -> World {
    let world = World::new();
    world.set("client_credential", "token_file").unset("client_secret");
    put(&world, contents);
    world
}

fn put(world: &World, contents: &[&str]) {
    *world.script.file.borrow_mut() = contents.iter().map(|text| Ok(text.as_bytes().to_vec())).collect();
}

fn with_identity() -> World {
    let world = World::new();
    world.set("client_credential", "managed_identity").unset("client_secret");
    world
}

/// A response of the managed identity's endpoint, whose token is valid for so many seconds from the start of the test.
fn granted(name: &str, seconds: i64) -> Reply {
    let end = (i64::try_from(NOW).unwrap() + seconds).to_string();
    Reply::json(200, &json!({"access_token": federated(name, seconds), "expires_on": end, "token_type": "Bearer"}))
}

/// The profile of another caller, for which an exchange is needed.
fn another(world: &World, name: &str) -> Answered {
    world.get(&token_with(|plan| plan.claim("uti", name)))
}

/// The subject of the last client assertion.
fn asserted(world: &World) -> String {
    let form = world.form();
    assert_eq!((form["client_assertion_type"].as_str(), form.get("client_secret")), (ASSERTION_TYPE, None));
    let payload = form["client_assertion"].split('.').nth(1).unwrap().to_owned();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    claims["sub"].as_str().unwrap().to_owned()
}

fn last_line(world: &World) -> String {
    world.script.log.borrow().last().unwrap().clone()
}

fn warnings(world: &World) -> Vec<String> {
    let log = world.script.log.borrow();
    log.iter().filter(|line| line.contains(r#""event":"credential""#)).cloned().collect()
}

#[test]
fn the_token_in_the_file_is_the_assertion_and_is_read_at_each_exchange() {
    let world = with_file(&[&federated("first", 3600)]);
    assert_eq!(world.get(&token()).status, 200);
    assert_eq!(asserted(&world), "first");
    let reads = world.script.file_reads.get();
    assert_eq!(world.get(&token()).status, 200);
    assert_eq!(world.script.file_reads.get(), reads, "a remembered Graph token needs no credential");

    put(&world, &[&(federated("second", 3600) + "\n")]);
    assert_eq!(another(&world, "b").status, 200);
    assert_eq!((asserted(&world).as_str(), world.script.file_reads.get()), ("second", reads + 1));
    assert_eq!(warnings(&world), [""; 0]);
    let reads = world.script.variable_reads.borrow();
    assert!(!reads.iter().any(|name| name == "client_secret"), "{reads:?}");
}

#[test]
fn what_is_wrong_with_the_file_is_said_and_found_right_as_soon_as_it_is() {
    let unreadable = || Err(FileFault::Unreadable("permission denied".to_owned()));
    let text = |text: &str| Ok(text.as_bytes().to_vec());
    for (file, status, code, words) in [
        (Err(FileFault::Missing), 500, "server_misconfigured", "there is no file federated_token_file"),
        (unreadable(), 503, "server_unavailable", "permission denied"),
        (text(""), 500, "server_misconfigured", "is empty"),
        (text("a secret"), 500, "server_misconfigured", "is not a token"),
        (text("-----BEGIN PRIVATE KEY-----"), 500, "server_misconfigured", "PEM"),
        (Ok(vec![b'a'; 1 << 20]), 500, "server_misconfigured", "longer"),
    ] {
        let world = with_file(&[]);
        world.script.file.borrow_mut().push_back(file);
        world.get(&token()).is(status, code);
        let line = last_line(&world);
        assert!(line.contains(words) && line.contains("federated_token_file"), "{words}: {line}");
        assert!(!line.contains("a secret"), "{line}");
        assert_eq!(world.calls("token"), 0);
        // Callers with a bad token still learn that it is bad.
        world.get("not.a.token").is(401, "invalid_token");

        put(&world, &[&federated("right", 3600)]);
        world.pass(5);
        assert_eq!(world.get(&token()).status, 200);
    }
}

#[test]
fn a_file_that_takes_too_long_is_an_outage_within_the_requests_time() {
    let world = with_file(&[&federated("slow", 3600)]);
    world.set("token_store_slots", "0").script.file_delay.set(Duration::from_secs(60));
    world.get(&token()).is(503, "server_unavailable");
    assert!(world.elapsed() <= Duration::from_secs(5), "{:?}", world.elapsed());
    assert!(last_line(&world).contains("too long"), "{}", last_line(&world));
}

#[test]
fn the_last_token_is_used_until_its_end_if_the_file_cannot_be_read() {
    let world = with_file(&[&federated("first", 600)]);
    assert_eq!(another(&world, "a").status, 200);
    *world.script.file.borrow_mut() = [Err(FileFault::Missing)].into();
    for name in ["b", "c"] {
        assert_eq!(another(&world, name).status, 200);
        assert_eq!(asserted(&world), "first");
    }
    let lines = warnings(&world);
    assert!(lines.len() == 1 && lines[0].contains("there is no file federated_token_file"), "{lines:?}");
    world.pass(601);
    another(&world, "d").is(500, "server_misconfigured");
}

#[test]
fn the_operator_is_warned_once_of_a_token_that_nothing_replaces() {
    for (seconds, words) in [
        (3600, None),
        (301, None),
        (299, Some("expires within minutes")),
        (0, Some("has expired")),
        (-1, Some("has expired")),
    ] {
        let world = with_file(&[&federated("old", seconds)]);
        for name in ["a", "b", "c"] {
            assert_eq!(another(&world, name).status, 200);
        }
        let lines = warnings(&world);
        assert_eq!(lines.len(), usize::from(words.is_some()), "{seconds}: {lines:?}");
        for (line, words) in lines.iter().zip(words) {
            assert!(line.contains(words) && line.contains("--direct-mounts"), "{line}");
            assert!(!line.contains(&federated("old", seconds)), "{line}");
        }
        // The next token that is not replaced is another matter.
        put(&world, &[&federated("new", 3600)]);
        another(&world, "d");
        world.pass(3500);
        another(&world, "e");
        assert_eq!(warnings(&world).len(), lines.len() + 1, "{seconds}");
    }
    let world = with_file(&[&format!("e30.{}.AAAA", URL_SAFE_NO_PAD.encode(r#"{"sub":"endless"}"#))]);
    assert_eq!((another(&world, "a").status, warnings(&world).len()), (200, 0));
}

#[test]
fn a_refused_token_is_read_once_more() {
    let refusal = || Reply::json(401, &json!({"error": "invalid_client", "error_codes": [700_024]}));
    let world = with_file(&[&federated("old", 3600)]);
    assert_eq!(world.get(&token()).status, 200);
    put(&world, &[&federated("old", 3600), &federated("new", 3600)]);
    world.next("token", [refusal()]);
    assert_eq!(another(&world, "b").status, 200);
    assert_eq!((asserted(&world).as_str(), world.calls("token")), ("new", 3));

    // If it has not changed, callers share the refusal for a while.
    let world = with_file(&[&federated("old", 3600)]);
    for name in ["a", "b", "c"] {
        world.next("token", [refusal()]);
        another(&world, name).is(500, "server_misconfigured");
    }
    assert_eq!(world.calls("token"), 1);
}

#[test]
fn entras_refusals_of_a_federated_token_are_logged_with_what_to_do() {
    let file = || with_file(&[&federated("pod", 3600)]);
    let identity = || {
        let world = with_identity();
        world.next("identity", [granted("identity", 86_400), granted("identity", 86_400)]);
        world
    };
    for (world, error, code, words) in [
        (file(), "invalid_client", 700_211, "(issuer); no federated credential"),
        (file(), "invalid_client", 700_212, "(audience); the federated credential is for another audience"),
        (file(), "invalid_client", 700_213, "system:serviceaccount:"),
        (file(), "invalid_client", 7_002_138, "capital letters"),
        (file(), "invalid_client", 70_025, "has no federated credential"),
        (file(), "invalid_request", 70_021, "compare issuer, subject and audience"),
        (file(), "invalid_client", 700_024, "clocks"),
        (file(), "invalid_client", 700_027, "not signed with a key"),
        (file(), "invalid_client", 7_999_999, "compare issuer, subject and audience"),
        (with_file(&[&federated("pod", -1)]), "invalid_client", 700_024, "has expired"),
        (identity(), "invalid_client", 700_213, "object (principal) id"),
        (identity(), "invalid_client", 700_211, "/v2.0"),
        (
            identity(),
            "invalid_request",
            700_236,
            "(identity); Entra does not accept this identity: use a user-assigned",
        ),
    ] {
        let body = json!({"error": error, "error_codes": [code], "error_description": "AADSTS0: their words"});
        world.next("token", [Reply::json(401, &body)]);
        let answer = world.get(&token());
        answer.is(500, "server_misconfigured");
        let line = last_line(&world);
        assert!(line.contains(&format!("AADSTS{code}")) && line.contains(words), "{words}: {line}");
        assert!(!line.contains("their words") && !String::from_utf8_lossy(&answer.body).contains("AADSTS"), "{line}");
        assert_eq!(world.calls("token"), 1, "{code}");
    }
}

fn parameters(request: &Request<bytes::Bytes>) -> Vec<(String, String)> {
    form_urlencoded::parse(request.uri().query().unwrap().as_bytes()).into_owned().collect()
}

#[test]
fn a_managed_identity_is_asked_in_the_form_of_its_platform() {
    let identity = "33333333-3333-4333-8333-333333333333";
    for (header, id, path, version) in [
        ("", "", "/metadata/identity/oauth2/token", "2018-02-01"),
        ("", identity, "/metadata/identity/oauth2/token", "2018-02-01"),
        ("the-identity-header", "", "/msi/token", "2019-08-01"),
        ("the-identity-header", identity, "/msi/token", "2019-08-01"),
    ] {
        let world = with_identity();
        world
            .set("identity_header", header)
            .set("identity_client_id", id)
            .next("identity", [granted("machine", 86_400)]);
        assert_eq!(world.get(&token()).status, 200);
        assert_eq!(asserted(&world), "machine");
        let request = world.last("identity");
        assert_eq!((request.method(), request.uri().path()), (&Method::GET, path));
        assert!(request.uri().to_string().starts_with(IDENTITY_ENDPOINT), "{}", request.uri());
        let mut expected = vec![("resource", "api://AzureADTokenExchange"), ("api-version", version)];
        expected.extend((!id.is_empty()).then_some(("client_id", id)));
        let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(parameters(&request), expected);
        let of_header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let expected = if header.is_empty() { (Some("true"), None) } else { (None, Some(header)) };
        let sent = (of_header("metadata"), of_header("x-identity-header"));
        assert_eq!((sent.0.as_deref(), sent.1.as_deref()), expected);
        let log = world.script.log.borrow().join("\n");
        assert!(!log.contains("the-identity-header") && !log.contains("eyJ"), "{log}");
    }
}

#[test]
fn a_managed_identitys_token_is_kept_and_renewed_in_the_background_before_it_expires() {
    let world = with_identity();
    world.next("identity", [granted("first", 3600), granted("second", 7000), granted("third", 999_999)]);
    for (at, calls, used) in [(0, 1, "first"), (3299, 1, "first"), (3301, 2, "first"), (3302, 2, "second")] {
        world.pass(at - (world.script.time.now.get() - NOW));
        assert_eq!(another(&world, &at.to_string()).status, 200);
        assert_eq!((world.calls("identity"), asserted(&world).as_str()), (calls, used), "after {at} s");
    }
    // An instance that was idle waits for the next.
    world.pass(3700);
    let later = token_with(|plan| plan.valid_from(NOW + 7000));
    assert_eq!(world.get(&later).status, 200);
    assert_eq!((world.calls("identity"), asserted(&world).as_str()), (3, "third"));
}

#[test]
fn a_short_lived_token_of_a_managed_identity_is_not_requested_each_time() {
    let world = with_identity();
    world.next("identity", [granted("first", 60), granted("second", 120)]);
    for name in ["a", "b", "c"] {
        assert_eq!(another(&world, name).status, 200);
    }
    assert_eq!(world.calls("identity"), 1);
}

#[test]
fn an_expired_token_of_a_managed_identity_is_not_requested_for_each_request() {
    // Either this machine's clock is wrong, and Entra accepts the token, or the platform's is.
    for seconds in [-1, 0, 1] {
        let world = with_identity();
        world.next("identity", (0..9).map(|_| granted("machine", seconds)));
        for name in ["a", "b", "c"] {
            assert_eq!(another(&world, name).status, 200);
        }
        assert_eq!(world.calls("identity"), 1, "{seconds} s");
        world.pass(5);
        assert_eq!(another(&world, "d").status, 200);
        assert_eq!(world.calls("identity"), 2, "{seconds} s");
    }
}

#[test]
fn a_token_of_a_managed_identity_is_not_kept_beyond_its_own_end() {
    let world = with_identity();
    let end = (NOW + 86_400).to_string();
    let first = json!({"access_token": federated("first", 3600), "expires_on": end, "token_type": "Bearer"});
    world.next("identity", [Reply::json(200, &first), granted("second", 86_400)]);
    assert_eq!(world.get(&token()).status, 200);
    world.pass(3601);
    let later = token_with(|plan| plan.valid_from(NOW + 3000));
    assert_eq!(world.get(&later).status, 200);
    assert_eq!(asserted(&world), "second");
}

#[test]
fn requests_at_the_same_time_share_one_token_of_the_managed_identity() {
    let world = with_identity();
    world.next("identity", [granted("machine", 86_400).after(Duration::from_millis(700))]);
    let bearers: Vec<_> = (0..10).map(|at| token_with(|plan| plan.claim("uti", at.to_string()))).collect();
    let requests = bearers
        .iter()
        .map(|bearer| request_head(Method::GET, "/api/profile-get", &[("authorization", &format!("Bearer {bearer}"))]));
    assert!(world.all(requests.collect()).iter().all(|answer| answer.status == 200));
    assert_eq!((world.calls("identity"), world.calls("token")), (1, 10));
}

#[test]
fn what_is_wrong_with_the_managed_identity_is_said() {
    let with =
        |status: u16, error: &str| Reply::json(status, &json!({"error": error, "error_description": "their words"}));
    let token = |text: &str| Reply::json(200, &json!({"access_token": text, "expires_on": "1900000000"}));
    let misconfigured = (500, "server_misconfigured");
    let unavailable = (503, "server_unavailable");
    let is_app = true;
    for (app, reply, (status, code), words) in [
        (
            !is_app,
            with(400, "invalid_request"),
            misconfigured,
            "status 400 invalid_request; see that the machine or app has",
        ),
        (!is_app, with(400, "their words"), misconfigured, "status 400; see that the machine or app has"),
        (
            is_app,
            Reply::json(400, &json!({"statusCode": 400, "message": "their words"})),
            misconfigured,
            "identity_client_id",
        ),
        (is_app, Reply::new(403, ""), misconfigured, "set identity_header to the IDENTITY_HEADER"),
        (is_app, Reply::new(404, ""), misconfigured, "set identity_endpoint to the IDENTITY_ENDPOINT"),
        (!is_app, Reply::new(404, ""), unavailable, "status 404"),
        (!is_app, Reply::new(410, ""), unavailable, "status 410"),
        (is_app, Reply::new(429, "").header("retry-after", "7"), unavailable, "Retry-After 7 s"),
        (
            !is_app,
            Reply::new(302, "").header("location", "https://login.example/"),
            misconfigured,
            "check identity_endpoint",
        ),
        (
            !is_app,
            Reply::new(200, "<html>their words</html>"),
            misconfigured,
            "holds no token; check identity_endpoint",
        ),
        (!is_app, Reply::json(200, &json!({"access_token": 7})), misconfigured, "holds no token"),
        (!is_app, Reply::json(200, &json!({"access_token": "e30.e30.AAAA"})), misconfigured, "holds no token"),
        (!is_app, token("their words"), misconfigured, "is not a token"),
        (!is_app, Reply::new(200, vec![b' '; 1 << 20]), misconfigured, "larger than"),
        (
            !is_app,
            Reply::new(200, "").after(Duration::from_secs(60)),
            unavailable,
            "no answer in time; check identity_endpoint",
        ),
        (
            !is_app,
            Reply::fault(SendFault::Denied("https://denied.example".to_owned())),
            unavailable,
            "allowed_outbound_hosts",
        ),
    ] {
        let world = with_identity();
        world.set("identity_header", if app { "the-identity-header" } else { "" }).set("token_store_slots", "0");
        // Once for the keys, once for the exchange.
        world.next("identity", [reply.clone(), reply.clone(), reply]);
        let answer = world.get(&crate::caller_tokens::token());
        answer.is(status, code);
        assert_eq!(answer.header("retry-after").is_empty(), status == 500, "{words}");
        let line = last_line(&world);
        assert!(line.contains("managed identity token: ") && line.contains(words), "{words}: {line}");
        assert!(!line.contains("their words") && !line.contains("the-identity-header"), "{line}");
        assert!(world.elapsed() <= Duration::from_secs(20), "{words}: {:?}", world.elapsed());
        assert_eq!(world.calls("token"), 0);
    }
}

#[test]
fn a_managed_identity_that_breaks_once_is_asked_again() {
    for first in [Reply::new(500, ""), Reply::fault(SendFault::Broken("reset".to_owned()))] {
        let world = with_identity();
        world.next("identity", [first, granted("machine", 86_400)]);
        assert_eq!(world.get(&token()).status, 200);
    }
}

#[test]
fn a_refused_token_of_a_managed_identity_is_requested_once_more() {
    let world = with_identity();
    world.next("identity", [granted("old", 86_400), granted("new", 86_400)]);
    world.next("token", [Reply::json(401, &json!({"error": "invalid_client", "error_codes": [700_213]}))]);
    assert_eq!(world.get(&token()).status, 200);
    assert_eq!((asserted(&world).as_str(), world.calls("identity")), ("new", 2));
}

#[test]
fn a_changed_choice_counts_when_the_settings_are_read_again() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    assert_eq!(world.form().get("client_assertion"), None);
    world.set("client_credential", "token_file");
    put(&world, &[&federated("pod", 3600)]);
    world.pass(301);
    world.get(&token());
    assert_eq!(another(&world, "b").status, 200);
    assert_eq!(asserted(&world), "pod");
}

#[test]
fn a_wrong_choice_is_named_and_no_secret_is_asked_for() {
    let world = World::new();
    world.set("client_credential", "managed_identity").set("identity_endpoint", "").set("identity_client_id", CLIENT);
    world.set("client_secret", "");
    world.get(&token()).is(500, "server_misconfigured");
    let line = last_line(&world);
    for name in ["identity_endpoint: ", "identity_client_id: "] {
        assert!(line.contains(name), "{line}");
    }
    assert!(!line.contains("clientsecret:"), "{line}");
}
