//! Application tokens: only for the app, only for APIs that the operator lists, and never in place of a person's token.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Value, json};

use crate::{
    caller_tokens::token,
    scripted_host::{AUTHORITY, Asked, CLIENT, Content, GRAPH, Reply, SECRET, TENANT, World},
};

const HAND: &str = "/AuthorizationHeaderUnauthenticated/graph";
const CALL: &str = "/DownstreamApiUnauthenticated/graph";
const OTHER_TENANT: &str = "55555555-5555-4555-8555-555555555555";

/// A world in which the app gets tokens of its own for Graph, and not for `orders`.
fn world() -> World {
    let world = World::new();
    let graph = world.script.variables.borrow()["downstream_apis"].clone().unwrap();
    world.set("downstream_apis", &format!("{graph}; orders = https://orders.test api://orders/.default"));
    world.set("application_tokens_for", "graph");
    world
}

fn get(target: &str) -> Asked {
    Asked::get(target).within_app()
}

/// The token that the app was handed.
#[track_caller]
fn handed(world: &World, target: &str) -> String {
    let answer = world.ask(get(target));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["authorizationHeader"].as_str().unwrap().to_owned()
}

fn line(world: &World) -> Value {
    serde_json::from_str(world.script.log.borrow().last().unwrap()).unwrap()
}

#[test]
fn the_application_gets_a_token_by_its_credential_alone() {
    let world = world();
    assert_eq!(handed(&world, HAND), "Bearer token-1");
    let request = world.script.exchanges.borrow()[0].clone();
    assert_eq!(request.uri().to_string(), format!("{AUTHORITY}/{TENANT}/oauth2/v2.0/token"));
    assert!(!request.headers().contains_key("x-anchormailbox"));
    let expected = [
        ("claims", r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#),
        ("client_id", CLIENT),
        ("client_secret", SECRET),
        ("grant_type", "client_credentials"),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(world.forms()[0].clone().into_iter().collect::<Vec<_>>(), expected);
    let line = line(&world);
    let logged = ["route", "token_of", "token_from", "tenant_id", "outcome"].map(|name| line[name].as_str().unwrap());
    assert_eq!(logged, ["/AuthorizationHeaderUnauthenticated", "application", "exchange", TENANT, "ok"]);
    assert_eq!((line.get("object_id"), line.get("client_id")), (None, None), "{line}");
}

#[test]
fn only_for_apis_that_the_operator_lists() {
    for (tokens_for, target, status, code) in [
        ("", HAND, 403, "application_tokens_disabled"),
        ("", CALL, 403, "application_tokens_disabled"),
        ("", "/AuthorizationHeaderUnauthenticated/other", 403, "application_tokens_disabled"),
        ("graph", "/AuthorizationHeaderUnauthenticated/orders", 403, "application_tokens_disabled"),
        ("graph", "/DownstreamApiUnauthenticated/orders", 403, "application_tokens_disabled"),
        ("graph", "/AuthorizationHeaderUnauthenticated/other", 404, "downstream_api_unknown"),
        ("graph", "/AuthorizationHeaderUnauthenticated/", 404, "downstream_api_unknown"),
        ("graph", "/AuthorizationHeaderUnauthenticated", 404, "not_found"),
    ] {
        let world = world();
        world.set("application_tokens_for", tokens_for);
        world.ask(get(target).bearer(&token())).is(status, code);
        assert!(world.forms().is_empty() && world.arrived().is_empty(), "{target}");
    }
    let world = world();
    world.ask(Asked::new(Method::POST, HAND).within_app()).is(405, "method_not_allowed");
}

/// Requests from outside go to the app, as with any other path, and cause no token request.
#[test]
fn nobody_outside_reaches_them() {
    for target in [HAND, CALL] {
        let outside = [
            Asked::get(target),
            Asked::get(target).bearer(&token()),
            Asked::get(target).bearer(&token()).header("spin-client-addr", "203.0.113.7:4711"),
            // Spin adds the connection's own address last.
            Asked::get(target).bearer(&token()).within_app().header("spin-client-addr", "203.0.113.7:4711"),
            Asked::get(target).bearer(&token()).header("spin_client_addr", "0.0.0.0:0"),
            Asked::get(target).bearer(&token()).header("host", "entra.spin.internal"),
        ];
        for asked in outside {
            for public in ["", "/AuthorizationHeaderUnauthenticated/* /DownstreamApiUnauthenticated/*"] {
                let world = world();
                world.set("public_paths", public);
                let asked = Asked { headers: asked.headers.clone(), ..Asked::get(target) };
                let answer = world.ask(asked);
                assert!(world.forms().is_empty(), "{target}: {answer:?}");
                assert!(world.arrived().iter().all(|arrived| arrived.uri.ends_with(target)), "{target}");
                assert!(!String::from_utf8_lossy(&answer.body).contains("token-"), "{target}: {answer:?}");
            }
        }
        // As if a gateway forwarded to a sidecar by mistake.
        for name in ["X-Forwarded-For", "x-forwarded-proto", "X-MS-CLIENT-PRINCIPAL", "x-ms-client-principal-id"] {
            let world = world();
            let answer = world.ask(get(target).header(name, "203.0.113.7"));
            answer.is(403, "application_tokens_disabled");
            assert!(answer.json()["detail"].as_str().unwrap().contains("X-Forwarded-*"), "{answer:?}");
            assert!(line(&world)["cause"].as_str().unwrap().contains("from outside"));
            assert!(world.forms().is_empty() && world.arrived().is_empty(), "{name}");
        }
    }
}

#[test]
fn tokens_of_people_and_of_the_application_are_never_mixed() {
    let world = world();
    // The same API, the same scopes.
    world.set("application_tokens_for", "orders");
    let of_person = |world: &World| {
        world.ask(get("/AuthorizationHeader/orders").bearer(&token())).json()["authorizationHeader"].clone()
    };
    let of_application = |world: &World| json!(handed(world, "/AuthorizationHeaderUnauthenticated/orders"));
    assert_eq!((of_person(&world), of_application(&world)), (json!("Bearer token-1"), json!("Bearer token-2")));
    assert_eq!((of_application(&world), of_person(&world)), (json!("Bearer token-2"), json!("Bearer token-1")));
    let grants = world.forms().iter().map(|form| form["grant_type"].clone()).collect::<Vec<_>>();
    assert_eq!(grants, ["urn:ietf:params:oauth:grant-type:jwt-bearer", "client_credentials"]);
    // Nor in the store.
    let another = world.another_instance();
    assert_eq!((of_application(&another), of_person(&another)), (json!("Bearer token-2"), json!("Bearer token-1")));
    assert_eq!((world.forms().len(), line(&another)["token_from"].as_str()), (2, Some("store")));
    // Copied to another place, an entry does not open.
    let entries: Vec<_> = world.script.store.borrow().iter().map(|(key, entry)| (key.clone(), entry.clone())).collect();
    for (key, _) in &entries {
        for (_, entry) in &entries {
            world.script.store.borrow_mut().insert(key.clone(), entry.clone());
            let moved = world.another_instance();
            let (application, person) = (of_application(&moved), of_person(&moved));
            assert!(application != json!("Bearer token-1") && person != json!("Bearer token-2"), "{key}");
        }
    }
}

#[test]
fn what_is_stored_opens_with_the_credential_alone() {
    let world = world();
    handed(&world, HAND);
    for entry in world.script.store.borrow().values() {
        assert!(!entry.windows(7).any(|window| window == b"token-1"));
    }
    let stored = world.script.store.borrow().clone();
    world.script.variables.borrow_mut().insert("client_secret", Ok("another-client-secret".to_owned()));
    assert_eq!(handed(&world.another_instance(), HAND), "Bearer token-2");
    // For another directory, application or API it is another token.
    for (name, value) in [
        ("client_id", "66666666-6666-4666-8666-666666666666"),
        ("tenant_id", OTHER_TENANT),
        ("downstream_apis", "graph = https://graph.test/v1.0 https://graph.other.test/User.Read"),
        ("downstream_apis", "graph = https://other.test/v1.0 https://graph.microsoft.com/User.Read"),
        ("authority_host", "https://login.other.example"),
    ] {
        let changed = self::world();
        *changed.script.store.borrow_mut() = stored.clone();
        assert_eq!((handed(&changed, HAND), changed.forms().len()), ("Bearer token-1".to_owned(), 0));
        changed.set(name, value);
        assert_eq!(
            (handed(&changed.another_instance(), HAND), changed.forms().len()),
            ("Bearer token-1".to_owned(), 1)
        );
    }
}

#[test]
fn requests_at_the_same_time_share_one_token_request() {
    let world = world();
    let right = json!({"token_type": "Bearer", "access_token": "shared", "expires_in": 3600});
    let slow = Reply::json(200, &right).after(std::time::Duration::from_secs(1));
    world.script.tokens.borrow_mut().push_back(slow);
    for answer in world.all((0..20).map(|_| get(HAND)).collect()) {
        assert_eq!(answer.json()["authorizationHeader"], "Bearer shared");
    }
    assert_eq!(world.forms().len(), 1);
}

#[test]
fn a_rotated_secret_is_read_again_when_entra_refuses_the_old_one() {
    let world = world();
    handed(&world, "/AuthorizationHeaderUnauthenticated/graph");
    world.script.variables.borrow_mut().insert("client_secret", Ok("rotated-client-secret".to_owned()));
    let refused = Reply::json(401, &json!({"error": "invalid_client", "error_codes": [7_000_215]}));
    world.script.tokens.borrow_mut().push_back(refused);
    handed(&world, &format!("{HAND}?optionsOverride.AcquireTokenOptions.ForceRefresh=true"));
    let secrets: Vec<_> = world.forms().iter().map(|form| form["client_secret"].clone()).collect();
    assert_eq!(secrets, [SECRET, SECRET, "rotated-client-secret"]);
}

#[test]
fn a_token_is_renewed_before_it_expires_and_no_request_waits_for_it() {
    let world = world();
    let soon = json!({"token_type": "Bearer", "access_token": "due-soon", "expires_in": 3600, "refresh_in": 1});
    world.script.tokens.borrow_mut().push_back(Reply::json(200, &soon));
    // The API takes longer than the token is fresh.
    world.upstream(|_| Reply::new(200, "x").after(std::time::Duration::from_secs(2)));
    assert_eq!(world.ask(get(CALL)).status, 200);
    assert_eq!(handed(&world, HAND), "Bearer due-soon");
    assert_eq!((handed(&world, HAND), world.forms().len()), ("Bearer token-2".to_owned(), 2));
}

#[test]
fn options_are_honoured_or_refused_by_name() {
    let claims = "%7B%22access_token%22%3A%7B%22acrs%22%3A%7B%22value%22%3A%22c1%22%7D%7D%7D";
    for honoured in [
        "optionsOverride.RequestAppToken=true".to_owned(),
        "optionsOverride.AcquireTokenOptions.ForceRefresh=true".to_owned(),
        format!("optionsOverride.AcquireTokenOptions.Tenant={TENANT}"),
        "optionsOverride.Scopes=https%3A%2F%2Fgraph.microsoft.com%2F.default&optionsOverride.Scopes=.default"
            .to_owned(),
        format!("optionsOverride.AcquireTokenOptions.Claims={claims}"),
        format!("optionsOverride.AcquireTokenOptions.CorrelationId={CLIENT}"),
    ] {
        for target in [HAND, CALL] {
            let world = world();
            assert_eq!(world.ask(get(&format!("{target}?{honoured}"))).status, 200, "{honoured}");
            let (form, request) = (world.forms()[0].clone(), world.script.exchanges.borrow()[0].clone());
            assert_eq!(form["scope"], "https://graph.microsoft.com/.default");
            assert_eq!(form["claims"].contains("acrs"), honoured.contains("Claims="));
            assert_eq!(request.headers()["client-request-id"] == CLIENT, honoured.contains("CorrelationId"));
        }
    }
    let world = world();
    for (query, name) in [
        ("optionsOverride.RequestAppToken=false", "optionsOverride.RequestAppToken"),
        ("optionsOverride.Scopes=User.Read", "optionsOverride.Scopes"),
        ("optionsOverride.Scopes=https://graph.microsoft.com/User.Read", "optionsOverride.Scopes"),
        ("optionsOverride.Scopes=api://orders/.default", "optionsOverride.Scopes"),
        ("optionsOverride.Scopes=.default&optionsOverride.Scopes=User.Read", "optionsOverride.Scopes"),
        (
            &format!("optionsOverride.AcquireTokenOptions.Tenant={OTHER_TENANT}"),
            "optionsOverride.AcquireTokenOptions.Tenant",
        ),
        ("optionsOverride.AcquireTokenOptions.Tenant=organizations", "optionsOverride.AcquireTokenOptions.Tenant"),
        ("optionsOverride.AcquireTokenOptions.FmiPath=x", "optionsOverride.AcquireTokenOptions.FmiPath"),
        ("optionsOverride.AcquireTokenOptions.PopPublicKey=x", "optionsOverride.AcquireTokenOptions.PopPublicKey"),
        (
            "optionsOverride.AcquireTokenOptions.ManagedIdentity.UserAssignedClientId=x",
            "optionsOverride.AcquireTokenOptions.ManagedIdentity.UserAssignedClientId",
        ),
        ("optionsOverride.BaseUrl=https://evil.test", "optionsOverride.BaseUrl"),
        ("AgentIdentity=x", "AgentIdentity"),
        ("AgentUsername=x", "AgentUsername"),
        ("AgentUserId=x", "AgentUserId"),
    ] {
        for target in [HAND, CALL] {
            let answer = world.ask(get(&format!("{target}?{query}")));
            answer.is(400, "parameter_not_supported");
            assert_eq!(answer.json()["parameter"], name);
        }
    }
    assert!(world.forms().is_empty() && world.arrived().is_empty());
}

#[test]
fn of_several_directories_the_app_names_one() {
    let world = world();
    world.set("tenant_id", "organizations").set("allowed_tenants", &format!("{TENANT} {OTHER_TENANT}"));
    let answer = world.ask(get(HAND));
    answer.is(400, "parameter_not_supported");
    assert_eq!(answer.json()["parameter"], "optionsOverride.AcquireTokenOptions.Tenant");
    let at = |tenant: &str| format!("{HAND}?optionsOverride.AcquireTokenOptions.Tenant={tenant}");
    assert_eq!(handed(&world, &at(TENANT)), "Bearer token-1");
    assert_eq!(handed(&world, &at(OTHER_TENANT)), "Bearer token-2");
    assert_eq!(handed(&world, &at(TENANT)), "Bearer token-1");
    let paths: Vec<_> = world.script.exchanges.borrow().iter().map(|request| request.uri().path().to_owned()).collect();
    assert_eq!(paths, [TENANT, OTHER_TENANT].map(|tenant| format!("/{tenant}/oauth2/v2.0/token")));
    world.ask(get(&at(CLIENT))).is(400, "parameter_not_supported");
}

#[test]
fn an_api_is_called_as_the_application() {
    let world = world();
    world.upstream(|_| Reply::json(201, &json!({"id": "m"})));
    let asked = Asked::new(Method::POST, &format!("{CALL}?optionsOverride.RelativePath=users"))
        .within_app()
        .bearer(&token())
        .content(Content::of("{}"));
    let answer = world.ask(asked);
    assert_eq!((answer.status, &answer.json()["statusCode"]), (200, &json!(201)));
    let arrived = world.only();
    assert_eq!(
        (arrived.uri.as_str(), arrived.header("authorization"), arrived.text().as_str()),
        (&*format!("{GRAPH}/v1.0/users"), "Bearer token-1", "{}")
    );
    assert_eq!(world.forms()[0]["grant_type"], "client_credentials");
}

#[test]
fn a_token_that_the_api_refuses_is_replaced_once_and_nobody_is_sent_to_sign_in() {
    let world = world();
    world.upstream(|arrived| match arrived.header("authorization") {
        "Bearer token-1" => Reply::new(401, "no"),
        _ => Reply::new(200, "yes"),
    });
    assert_eq!(world.ask(get(CALL)).json()["content"], "yes");
    let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;
    let challenge = format!("Bearer error=\"insufficient_claims\", claims=\"{}\"", STANDARD.encode(claims));
    world.upstream(move |_| Reply::new(401, "never").header("www-authenticate", &challenge));
    let answer = world.ask(get(CALL));
    let found = answer.json();
    assert_eq!((answer.status, &found["statusCode"], &found["content"]), (200, &json!(401), &json!("never")));
    assert!(found["headers"]["www-authenticate"][0].as_str().unwrap().contains("insufficient_claims"));
    assert!(world.forms().last().unwrap()["claims"].contains("nbf"));
    // Whether it is accepted now, the API decides.
    world.upstream(|_| Reply::new(200, "yes"));
    let before = world.forms().len();
    assert_eq!(world.ask(get(CALL)).json()["content"], "yes");
    assert_eq!(world.forms().len(), before);
}

#[test]
fn refusals_are_the_operators_matter_and_pause_only_those_whom_they_are_about() {
    let refused = |error: &str, code: u32| Reply::json(400, &json!({"error": error, "error_codes": [code]}));
    let challenge =
        json!({"error": "interaction_required", "error_codes": [50076], "claims": r#"{"access_token":{}}"#});
    let wrong_secret = Reply::json(401, &json!({"error": "invalid_client", "error_codes": [7_000_215]}));
    let no_principal = Reply::json(401, &json!({"error": "invalid_client", "error_codes": [7_000_229]}));
    // The refusal, its answer, and whether it pauses tokens for another API, and those of people.
    for (reply, status, code, others, people) in [
        (refused("invalid_scope", 1_002_012), 500, "server_misconfigured", false, false),
        (refused("invalid_resource", 500_011), 500, "server_misconfigured", false, false),
        (refused("unauthorized_client", 700_016), 500, "server_misconfigured", false, false),
        (refused("invalid_grant", 50105), 500, "server_misconfigured", false, false),
        (refused("invalid_grant", 53003), 500, "server_misconfigured", false, false),
        (refused("invalid_grant", 65001), 500, "server_misconfigured", false, false),
        (Reply::json(400, &challenge), 500, "server_misconfigured", false, false),
        (no_principal, 500, "server_misconfigured", false, false),
        (wrong_secret, 500, "server_misconfigured", true, true),
        (Reply::json(429, &json!({})).header("retry-after", "17"), 503, "entra_throttled", true, false),
        (refused("invalid_request", 90055), 503, "entra_throttled", true, true),
        (Reply::json(503, &json!({})).header("retry-after", "17"), 503, "entra_unavailable", false, false),
    ] {
        let world = world();
        world.set("application_tokens_for", "graph orders");
        world.script.tokens.borrow_mut().extend([reply.clone(), reply]);
        let answer = world.ask(get(HAND));
        answer.is(status, code);
        assert!(!answer.headers.contains_key("www-authenticate"));
        assert!(line(&world)["cause"].as_str().unwrap().starts_with("Entra "), "{}", line(&world));
        world.script.tokens.borrow_mut().clear();
        let before = world.forms().len();
        world.ask(get(HAND)).is(status, code);
        assert_eq!(world.forms().len(), before, "{code}: not repeated");
        let statuses =
            [get("/AuthorizationHeaderUnauthenticated/orders"), get("/AuthorizationHeader/graph").bearer(&token())]
                .map(|asked| world.ask(asked).status);
        let expected = [others, people].map(|is_paused| if is_paused { status } else { 200 });
        assert_eq!(statuses, expected, "{code} {}", line(&world));
    }
    // And the other way round: a person's refusal is not the application's.
    let world = world();
    let throttled = Reply::json(429, &json!({})).header("retry-after", "17");
    world.script.tokens.borrow_mut().extend([throttled.clone(), throttled]);
    world.ask(get("/AuthorizationHeader/graph").bearer(&token())).is(503, "entra_throttled");
    world.script.tokens.borrow_mut().clear();
    handed(&world, HAND);
}
