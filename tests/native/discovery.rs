//! RFC 9728: a client that knows the address alone finds Entra.

use serde_json::json;

use crate::{
    caller_tokens::{token, token_with},
    scripted_host::{AUTHORITY, CLIENT, TENANT, World},
};

const HOST: (&str, &str) = ("host", "api.contoso.example");

#[test]
fn a_challenge_points_to_the_metadata_and_the_metadata_to_entra() {
    let world = World::new();
    let refused = world.ask("/api/profile-get?$select=id", &[HOST]);
    refused.is(401, "token_missing");
    let url = "https://api.contoso.example/.well-known/oauth-protected-resource/api/profile-get";
    assert!(refused.header("www-authenticate").contains(&format!("resource_metadata=\"{url}\"")), "{refused:?}");
    let found = world.ask("/.well-known/oauth-protected-resource/api/profile-get", &[HOST]);
    assert_eq!(found.status, 200);
    let expected = json!({
        "resource": "https://api.contoso.example/api/profile-get",
        "authorization_servers": [format!("{AUTHORITY}/{TENANT}/v2.0")],
        "scopes_supported": [format!("api://{CLIENT}/user_impersonation")],
        "bearer_methods_supported": ["header"],
    });
    assert_eq!(found.json(), expected);
    assert_eq!(world.script.requests.borrow().len(), 0);
}

#[test]
fn every_challenge_has_it_and_a_problem_without_a_challenge_has_none() {
    let world = World::new();
    let wrong = token_with(|plan| plan.claim("aud", "another"));
    for authorization in ["Bearer x", "Basic x", &format!("Bearer {wrong}")] {
        let refused = world.ask("/api/profile-get", &[HOST, ("authorization", authorization)]);
        assert!(refused.header("www-authenticate").contains("resource_metadata=\""), "{authorization}");
    }
    assert_eq!(world.ask("/other", &[HOST]).header("www-authenticate"), "");
}

#[test]
fn only_what_this_api_serves_has_metadata() {
    let world = World::new();
    let well_known = "/.well-known/oauth-protected-resource";
    for path in ["", "/api/profile-get", "/api/profile", "/api/profile-get/photo"] {
        assert_eq!(world.ask(&format!("{well_known}{path}"), &[HOST]).status, 200, "{path}");
    }
    for path in ["/", "/api", "/admin", well_known] {
        world.ask(&format!("{well_known}{path}"), &[HOST]).is(404, "not_found");
    }
    // A host that cannot be written into the document has none either.
    world.ask(well_known, &[("host", "a\"b")]).is(404, "not_found");
    world.ask(well_known, &[]).is(404, "not_found");
    assert_eq!(world.get(&token()).status, 200);
}
