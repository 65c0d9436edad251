//! The table of `docs/errors.md`, row by row: the whole responses that the people of the emulated tenant get.
//!
//! The rows that only a broken service causes are in `outages`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use cargo_dev::workspace;
use emulated_tenant::{Endpoint, Fault};
use reqwest::Method;

use crate::harness::Harness;

#[test]
fn each_documented_code_has_a_whole_answer_here() {
    let snapshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots");
    let mut answered: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
    for file in fs::read_dir(snapshots).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let (_, answer) = text.split_once("\n---\n").unwrap();
        let status = answer.lines().next().unwrap().parse().unwrap();
        let Some((_, code)) = answer.split_once("\"code\": \"") else { continue };
        answered.entry(code[..code.find('"').unwrap()].to_owned()).or_default().insert(status);
    }
    assert_eq!(answered, documented());
}

/// The table's statuses by code.
fn documented() -> BTreeMap<String, BTreeSet<u16>> {
    let page = fs::read_to_string(workspace::root().join("docs/errors.md")).unwrap();
    let (_, table) = page.split_once("\n## Codes\n").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let mut documented: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let statuses = cells[1].split(", ").map(|status| status.parse().unwrap());
        let codes = cells[2].split(", ").map(|code| code.trim_matches('`').to_owned());
        // A row with several of both pairs them.
        if cells[1].contains(", ") {
            documented.extend(codes.zip(statuses.map(|status| BTreeSet::from([status]))));
        } else {
            let status = statuses.last().unwrap();
            codes.for_each(|code| _ = documented.entry(code).or_default().insert(status));
        }
    }
    documented
}

/// Who gets which response.
const PEOPLE: [(&str, u16, &str); 18] = [
    ("mona", 401, "claims_challenge"),
    ("connie", 403, "consent_required"),
    ("adrian", 403, "consent_required"),
    ("blake", 403, "access_denied"),
    ("dora", 403, "access_denied"),
    ("una", 403, "access_denied"),
    ("rhea", 401, "token_refused"),
    ("lou", 503, "entra_throttled"),
    ("gil", 429, "graph_throttled"),
    ("gus", 429, "graph_throttled"),
    ("uma", 503, "graph_unavailable"),
    ("fay", 403, "graph_forbidden"),
    ("noel", 404, "graph_not_found"),
    ("rex", 401, "claims_challenge"),
    ("cleo", 200, ""),
    ("iris", 401, "claims_challenge"),
    ("zoe", 200, ""),
    ("kit", 200, ""),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_person_gets_the_answer_of_their_kind() {
    let harness = Harness::start().await;
    for (name, status, code) in PEOPLE {
        let answer = harness.get_as(name).await;
        if status == 200 {
            assert_eq!(answer.status, 200, "{name}: {answer:?}");
        } else {
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{name}: {answer:?}");
            insta::assert_snapshot!(format!("person-{name}"), harness.snapshot(&answer));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_this_api_alone_are_as_written() {
    let harness = Harness::start().await;
    let token = harness.token("ada");
    let get = |target: &'static str| harness.request(Method::GET, target);
    let cases = [
        ("token_missing", 401, get("/api/profile-get")),
        ("invalid_token", 401, get("/api/profile-get").bearer_auth("not.a.token")),
        ("invalid_request", 400, get("/api/profile-get?$expand=manager").bearer_auth(&token)),
        ("not_found", 404, get("/api/profile-get/photo/").bearer_auth(&token)),
        ("method_not_allowed", 405, harness.request(Method::DELETE, "/api/profile-get")),
        (
            "insufficient_scope",
            403,
            get("/api/profile-get").bearer_auth(harness.token_with("ada", |plan| plan.remove("scp"))),
        ),
    ];
    for (code, status, request) in cases {
        let answer = harness.send(request).await;
        answer.is(status, code);
        insta::assert_snapshot!(code, harness.snapshot(&answer));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_graph_rejects_is_the_callers() {
    let harness = Harness::start().await;
    let get = |target: &'static str| harness.request(Method::GET, target).bearer_auth(harness.token("ada"));
    // Graph accepts unknown names and returns no such properties.
    let answer = harness.send(get("/api/profile-get?$select=shoeSize")).await;
    assert_eq!((answer.status, answer.json().as_object().unwrap().len()), (200, 1), "{answer:?}");
    let id = "0f1b3a52-6d3c-4c53-8a0e-5a4d3b2c1f00";
    let headers = vec![("request-id".to_owned(), id.to_owned())];
    let body = r#"{"error":{"code":"BadRequest","message":"Words."}}"#;
    harness.api.tenant.faults().set(Endpoint::GraphMe, Fault::Status(400, headers, body.to_owned()));
    let answer = harness.send(get("/api/profile-get?$select=signInActivity")).await;
    answer.is(400, "graph_rejected_request");
    insta::assert_snapshot!("graph_rejected_request", harness.snapshot(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sign_in_helps_whoever_was_signed_out() {
    let harness = Harness::start().await;
    let token = harness.token("rex");
    harness.get(&token).await.is(401, "claims_challenge");
    harness.get(&token).await.is(401, "claims_challenge");
    assert_eq!(harness.get_as("rex").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_token_that_is_refused_without_a_challenge_is_replaced() {
    let harness = Harness::start().await;
    let token = harness.token("ada");
    assert_eq!(harness.get(&token).await.status, 200);
    harness.api.tenant.revoke_graph_tokens(harness.person("ada"));
    assert_eq!(harness.get(&token).await.status, 200);
    assert_eq!((harness.count(Endpoint::Token), harness.count(Endpoint::GraphMe)), (2, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_personal_account_is_asked_for_consent_too() {
    let harness = Harness::for_everybody().await;
    let answer = harness.get_as("paula").await;
    answer.is(403, "consent_required");
    assert!(answer.json()["consent_url"].as_str().unwrap().contains(&harness.person("paula").tenant_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_satisfies_the_challenge_that_asked_for_it() {
    let harness = Harness::start().await;
    for name in ["mona", "iris"] {
        let answer = harness.get_as(name).await;
        answer.is(401, "claims_challenge");
        let claims = answer.json()["claims"].as_str().unwrap().to_owned();
        let token = harness.token_with(name, |plan| plan.fulfil(&claims).unwrap());
        assert_eq!(harness.get(&token).await.status, 200, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_directory_gets_retry_after_and_no_exchange_until_then() {
    let harness = Harness::start().await;
    let answer = harness.get_as("tess").await;
    answer.is(503, "entra_throttled");
    insta::assert_snapshot!("entra_throttled", harness.snapshot(&answer));
    harness.get_as("ada").await.is(503, "entra_throttled");
    assert_eq!(harness.count(Endpoint::Token), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_token_that_is_revoked_for_good_is_the_gateways_fault() {
    let harness = Harness::start().await;
    harness.api.tenant.faults().set(Endpoint::GraphMe, Fault::status(401));
    let answer = harness.get_as("ada").await;
    answer.is(502, "graph_refused_token");
    insta::assert_snapshot!("graph_refused_token", harness.snapshot(&answer));
    assert_eq!((harness.count(Endpoint::Token), harness.count(Endpoint::GraphMe)), (2, 2));
    harness.api.tenant.faults().clear();
    assert_eq!(harness.get_as("ada").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_must_sign_in_again_get_a_challenge() {
    let harness = Harness::start().await;
    // Entra's response when claims do not help, for example because a password has expired.
    let body = r#"{"error":"interaction_required","error_codes":[50055],"error_description":"AADSTS50055: ..."}"#;
    harness.api.tenant.faults().set(Endpoint::Token, Fault::Status(400, Vec::new(), body.to_owned()));
    let answer = harness.get_as("ada").await;
    answer.is(401, "interaction_required");
    assert!(answer.header("www-authenticate").starts_with("Bearer "), "{answer:?}");
    insta::assert_snapshot!("interaction_required", harness.snapshot(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_does_not_read_their_photos_gets_no_more_of_them() {
    // Over HTTP/1.1, so that each photo has a connection of its own.
    let harness = Harness::in_clear().await;
    // Far more than the buffers of the connections.
    let headers = vec![("content-type".to_owned(), "image/jpeg".to_owned())];
    let photo = Fault::Status(200, headers, "x".repeat(32 << 20));
    harness.api.tenant.faults().set(Endpoint::GraphPhoto, photo);
    let token = harness.token("ada");
    let request = || harness.request(Method::GET, "/api/profile-get/photo").bearer_auth(&token);
    let mut unread = Vec::new();
    for _ in 0..4 {
        let response = request().send().await.unwrap();
        assert_eq!(response.status(), 200);
        unread.push(response);
    }
    let answer = harness.send(request()).await;
    answer.is(429, "too_many_downloads");
    insta::assert_snapshot!("too_many_downloads", harness.snapshot(&answer));
    // Nobody else is affected.
    let other = harness.request(Method::GET, "/api/profile-get/photo").bearer_auth(harness.token("kit"));
    assert_eq!(other.send().await.unwrap().status(), 200);
}
