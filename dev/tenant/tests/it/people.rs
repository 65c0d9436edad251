//! Each person is the behaviour that the table says.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use emulated_tenant::Tenant;
use serde_json::{Value, json};

use crate::client::{exchange_for, exchange_with, graph_token, me, start, token};

#[tokio::test]
async fn exchanges_that_are_refused() {
    let tenant = start().await;
    for (name, error, code, suberror) in [
        ("mona", "invalid_grant", 50076, Some("basic_action")),
        ("connie", "invalid_grant", 65001, Some("consent_required")),
        ("adrian", "invalid_grant", 90094, None),
        ("blake", "invalid_grant", 53003, Some("message_only")),
        ("rhea", "invalid_grant", 50173, Some("bad_token")),
        ("dora", "invalid_grant", 50057, None),
        ("una", "invalid_grant", 50105, None),
        ("lou", "invalid_grant", 50196, None),
    ] {
        let body = exchange_for(&tenant, name).await.expect_failure(400, error, code);
        assert_eq!(body["suberror"].as_str(), suberror, "{name}");
        assert_eq!(body["claims"].is_string(), ["mona", "blake"].contains(&name), "{name}");
    }
    assert_eq!(tenant.exchanges(), 0);
}

#[tokio::test]
async fn tess_is_throttled() {
    let tenant = start().await;
    let response = exchange_for(&tenant, "tess").await;
    response.expect_failure(429, "temporarily_unavailable", 90055);
    assert_eq!(response.header("retry-after"), Some("2"));
}

#[tokio::test]
async fn mona_passes_with_a_token_that_met_the_challenge() {
    let tenant = start().await;
    let refusal = exchange_for(&tenant, "mona").await.json();
    let challenge = refusal["claims"].as_str().unwrap();
    assert_eq!(challenge, tenant.second_factor_challenge().to_string());
    let mona = token(&tenant, "mona", |plan| plan.fulfil(challenge).unwrap());
    let response = exchange_with(&tenant, &mona, &[]).await;
    assert_eq!(me(&tenant, &graph_token(&response)).await.status, 200);
}

#[tokio::test]
async fn rex_has_to_sign_in_again_after_his_first_exchange() {
    let tenant = start().await;
    let rex = token(&tenant, "rex", |_| ());
    let capable = json!({"access_token": {"xms_cc": {"values": ["cp1"]}}});
    let first = exchange_with(&tenant, &rex, &[("claims", &capable.to_string())]).await;
    let refusal = me(&tenant, &graph_token(&first)).await;
    refusal.expect_error(401, "InvalidAuthenticationToken");
    let claims = claims_in(refusal.header("www-authenticate").unwrap());
    assert_eq!(claims["access_token"]["nbf"]["essential"], true);
    for claims in [capable.to_string(), merged(&claims, &capable)] {
        let refusal = exchange_with(&tenant, &rex, &[("claims", &claims)]).await;
        assert_eq!(refusal.expect_failure(400, "invalid_grant", 50173)["suberror"], "bad_token");
    }
    let again = token(&tenant, "rex", |_| ());
    let response = exchange_with(&tenant, &again, &[("claims", &capable.to_string())]).await;
    assert_eq!(me(&tenant, &graph_token(&response)).await.status, 200);
}

#[tokio::test]
async fn a_client_without_the_capability_is_not_challenged_when_rex_is_signed_out() {
    let tenant = start().await;
    assert_eq!(me(&tenant, &graph_token(&exchange_for(&tenant, "rex").await)).await.status, 200);
}

#[tokio::test]
async fn cleo_is_challenged_until_an_exchange_carries_the_claims() {
    let tenant = start().await;
    let cleo = token(&tenant, "cleo", |_| ());
    // Without the capability there is no challenge.
    assert_eq!(me(&tenant, &graph_token(&exchange_with(&tenant, &cleo, &[]).await)).await.status, 200);

    let capable = json!({"access_token": {"xms_cc": {"values": ["cp1"]}}});
    let first = exchange_with(&tenant, &cleo, &[("claims", &capable.to_string())]).await;
    let claims = challenge_of(&tenant, &graph_token(&first)).await;
    let second = exchange_with(&tenant, &cleo, &[("claims", &merged(&claims, &capable))]).await;
    assert_eq!(me(&tenant, &graph_token(&second)).await.status, 200);
}

#[tokio::test]
async fn iris_must_sign_in_again_once_she_is_challenged() {
    let tenant = start().await;
    let iris = token(&tenant, "iris", |_| ());
    let capable = json!({"access_token": {"xms_cc": {"values": ["cp1"]}}});
    let first = exchange_with(&tenant, &iris, &[("claims", &capable.to_string())]).await;
    let claims = merged(&challenge_of(&tenant, &graph_token(&first)).await, &capable);
    let refusal = exchange_with(&tenant, &iris, &[("claims", &claims)]).await;
    let refusal = refusal.expect_failure(400, "interaction_required", 50076);

    let iris = token(&tenant, "iris", |plan| plan.fulfil(refusal["claims"].as_str().unwrap()).unwrap());
    let again = exchange_with(&tenant, &iris, &[("claims", &capable.to_string())]).await;
    assert_eq!(me(&tenant, &graph_token(&again)).await.status, 200);
}

/// The claims in Graph's challenge to the bearer of this token.
async fn challenge_of(tenant: &Tenant, graph_token: &str) -> Value {
    let response = me(tenant, graph_token).await;
    response.expect_error(401, "InvalidAuthenticationToken");
    let header = response.header("www-authenticate").unwrap();
    assert!(header.starts_with("Bearer realm=\"\", ") && header.contains("\", PoP realm=\"\", "), "{header}");
    assert!(header.contains("error=\"insufficient_claims\""));
    claims_in(header)
}

fn claims_in(challenge: &str) -> Value {
    let claims = challenge.split("claims=\"").nth(1).unwrap().split('"').next().unwrap();
    serde_json::from_slice(&STANDARD.decode(claims).unwrap()).unwrap()
}

fn merged(one: &Value, other: &Value) -> String {
    let mut claims = one.clone();
    for (name, request) in other["access_token"].as_object().unwrap() {
        claims["access_token"][name] = request.clone();
    }
    claims.to_string()
}

#[tokio::test]
async fn kit_gets_tokens_of_short_life() {
    let tenant = start().await;
    let response = exchange_for(&tenant, "kit").await.json();
    assert_eq!((&response["expires_in"], &response["refresh_in"]), (&json!(600), &json!(2)));
}

#[tokio::test]
async fn graph_answers_these_with_errors() {
    let tenant = start().await;
    for (name, status, code, retry_after) in [
        ("gil", 429, "TooManyRequests", Some("2.128")),
        ("gus", 429, "BadRequest", None),
        ("uma", 503, "ServiceUnavailable", Some("3")),
        ("fay", 403, "Authorization_RequestDenied", None),
        ("noel", 404, "Request_ResourceNotFound", None),
    ] {
        let response = me(&tenant, &graph_token(&exchange_for(&tenant, name).await)).await;
        response.expect_error(status, code);
        assert_eq!(response.header("retry-after"), retry_after, "{name}");
    }
}

#[tokio::test]
async fn further_members_are_ordinary_people_of_their_own() {
    let tenant = start().await;
    let members = tenant.add_members(3);
    for member in &members {
        let token = tenant.access_token(member, |_| ());
        let profile = me(&tenant, &graph_token(&exchange_with(&tenant, &token, &[]).await)).await.json();
        assert_eq!(profile["id"], member.object_id);
    }
    assert_ne!(members[0].object_id, members[1].object_id);
    assert!(tenant.people().iter().all(|person| person.object_id != members[0].object_id));
}
