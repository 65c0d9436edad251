//! The errors table of the README, row by row: whole answers, as the emulated tenant's people provoke them.

use emulated_tenant::{Endpoint, Fault};
use reqwest::Method;

use crate::harness::Harness;

/// Who provokes which answer.
const PEOPLE: [(&str, u16, &str); 17] = [
    ("mona", 401, "claims_challenge"),
    ("connie", 403, "consent_required"),
    ("adrian", 403, "consent_required"),
    ("blake", 403, "access_denied"),
    ("dora", 403, "access_denied"),
    ("una", 403, "access_denied"),
    ("rhea", 401, "token_refused"),
    ("lou", 503, "entra_throttled"),
    ("gil", 429, "graph_throttled"),
    ("uma", 503, "graph_unavailable"),
    ("fay", 403, "graph_forbidden"),
    ("noel", 404, "graph_not_found"),
    ("rex", 200, ""),
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
            insta::assert_snapshot!(format!("person-{name}"), without_ids(&harness.snapshot(&answer), &answer.json()));
        }
    }
}

/// Ids of Entra and Graph are new in each run.
fn without_ids(text: &str, body: &serde_json::Value) -> String {
    let mut text = text.to_owned();
    for name in ["entra_correlation_id", "entra_trace_id", "graph_request_id"] {
        if let Some(id) = body[name].as_str() {
            text = text.replace(id, &format!("<{name}>"));
        }
    }
    // A challenge's claims hold moments.
    let claims = body["claims"].as_str().unwrap_or_default();
    if !claims.is_empty() {
        let quoted = serde_json::Value::from(claims).to_string();
        text = text.replace(&quoted, "\"<claims>\"");
        let start = text.find("claims=\"").map(|at| at + "claims=\"".len());
        if let Some(start) = start
            && let Some(length) = text[start..].find('"')
        {
            text.replace_range(start..start + length, "<base64 of the claims>");
        }
    }
    // Its length depends on ids and moments.
    text.lines().filter(|line| !line.starts_with("content-length: ")).map(|line| format!("{line}\n")).collect()
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
        ("method_not_allowed", 405, harness.request(Method::DELETE, "/api/profile-get")),
        ("graph_rejected_request", 400, get("/api/profile-get?$select=shoeSize").bearer_auth(&token)),
        (
            "insufficient_scope",
            403,
            get("/api/profile-get").bearer_auth(harness.token_with("ada", |plan| plan.remove("scp"))),
        ),
    ];
    for (code, status, request) in cases {
        let answer = harness.send(request).await;
        answer.is(status, code);
        insta::assert_snapshot!(code, without_ids(&harness.snapshot(&answer), &answer.json()));
    }
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
async fn a_throttled_directory_is_told_when_and_spared_until_then() {
    let harness = Harness::start().await;
    let answer = harness.get_as("tess").await;
    answer.is(503, "entra_throttled");
    assert_eq!(answer.header("retry-after"), "7");
    harness.get_as("ada").await.is(503, "entra_throttled");
    assert_eq!(harness.count(Endpoint::Token), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_token_that_is_revoked_for_good_is_the_gateways_fault() {
    let harness = Harness::start().await;
    harness.application.tenant.faults().set(Endpoint::GraphMe, Fault::status(401));
    harness.get_as("ada").await.is(502, "graph_refused_token");
    assert_eq!((harness.count(Endpoint::Token), harness.count(Endpoint::GraphMe)), (2, 2));
    harness.application.tenant.faults().clear();
    assert_eq!(harness.get_as("ada").await.status, 200);
}
