//! Settings that cannot work are refused by name.

use serde_json::Value;

use crate::{
    caller_tokens::token,
    scripted_host::{Asked, TENANT, World},
};

#[test]
fn a_setting_that_cannot_work_is_named_in_the_log_and_nobody_gets_in() {
    for (name, value, words) in [
        ("upstream", "http://app.test", "http"),
        ("upstream", "https://app.test/base", "path"),
        ("upstream", "my-api", "https://"),
        ("public_paths", "/*", "every path"),
        ("public_paths", "static", "slash"),
        ("claims_to_headers", "authorization=oid", "x-"),
        ("access_token_for", "other", "no API"),
        ("application_tokens_for", "other", "item 1 is the name of no API"),
        ("application_tokens_for", "graph Graph", "repeats"),
        ("application_tokens_for", "on", "no API"),
        ("forward_authorization", "yes", "on nor off"),
        ("downstream_apis", "graph", "entry 1"),
        ("public_url", "http://api.contoso.test", "http"),
        ("required_scope", "User.Read", "Microsoft Graph"),
    ] {
        let world = World::new();
        world.set(name, value);
        let answer = world.ask(Asked::get("/health").bearer(&token()));
        answer.is(500, "server_misconfigured");
        assert_eq!(world.arrived().len(), 0);
        let line: Value = serde_json::from_str(&world.script.log.borrow()[0]).unwrap();
        let cause = line["cause"].as_str().unwrap();
        assert!(cause.contains(&format!("{name}: ")) && cause.contains(words), "{name}={value}: {cause}");
    }
}

#[test]
fn what_narrows_who_may_call_must_be_given_and_the_rest_has_defaults() {
    for name in ["tenant_id", "client_id", "required_scope", "allowed_clients", "forward_authorization"] {
        let world = World::new();
        world.script.variables.borrow_mut().remove(name);
        world.ask(Asked::get("/").bearer(&token())).is(500, "server_misconfigured");
        let line: Value = serde_json::from_str(&world.script.log.borrow()[0]).unwrap();
        assert!(line["cause"].as_str().unwrap().contains(&format!("{name}: is not set")), "{line}");
        assert_eq!(world.arrived().len(), 0);
    }
    let least =
        ["tenant_id", "client_id", "client_secret", "required_scope", "allowed_clients", "forward_authorization"];
    let world = World::new();
    world.script.variables.borrow_mut().retain(|name, _| least.contains(name) || *name == "authority_host");
    world.ask(Asked::get("/anything").bearer(&token())).is(404, "not_found");
    let line: Value = serde_json::from_str(&world.script.log.borrow()[0]).unwrap();
    assert!(line["cause"].as_str().unwrap().contains("upstream is empty"), "{line}");
    assert_eq!(world.ask(Asked::get("/Validate").within_app().bearer(&token())).status, 200);
}

/// The operator looks for the name that the manifest lacks, and not for that of its value.
#[test]
fn the_log_names_the_setting_that_the_manifest_lacks() {
    let world = World::new();
    world.script.variables.borrow_mut().remove("client_secret");
    let asked = || Asked::get("/AuthorizationHeader/graph").within_app().bearer(&token());
    for (tenant, words) in
        [(TENANT, ["client_secret: is not set"; 2]), ("x", ["client_secret: is not set", "tenant_id: "])]
    {
        world.set("tenant_id", tenant).another_instance().ask(asked()).is(500, "server_misconfigured");
        let line: Value = serde_json::from_str(world.script.log.borrow().last().unwrap()).unwrap();
        let cause = line["cause"].as_str().unwrap();
        assert!(words.iter().all(|words| cause.contains(words)) && !cause.contains("clientsecret"), "{cause}");
    }
}

#[test]
fn what_is_for_forwarding_is_refused_where_nothing_is_forwarded() {
    for (name, value) in
        [("public_paths", "/health"), ("claims_to_headers", "x-user=oid"), ("access_token_for", "graph")]
    {
        let world = World::new();
        world.set("upstream", "").set("public_paths", "").set(name, value);
        world.ask(Asked::get("/").bearer(&token())).is(500, "server_misconfigured");
        assert!(world.script.log.borrow()[0].contains("set upstream too"), "{name}");
    }
}
