//! `docs/openapi.yaml` judged by others: a validator of OpenAPI, requests that schemathesis makes from it, and a client in
//! TypeScript whose types are generated from it.
//!
//! If their packages cannot be installed, a test is skipped with a message.

use std::{path::PathBuf, process::Stdio, time::Duration};

use cargo_dev::{
    npm_and_pip::{npm, pip, unless_skipped},
    workspace,
};
use serde_json::{Value, json};
use tokio::{process::Command, time::timeout};

use crate::harness::Harness;

/// For all that a tool does. The slowest is schemathesis, whose 2,500 requests take a minute on two busy cores.
const TIME: Duration = Duration::from_secs(300);

/// The tools, in this repository.
const SOURCE: &str = "dev/tests/it/openapi";

const ORIGIN: &str = "https://app.contoso.example";

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_valid() {
    let Some(python) = python().await else { return };
    let mut validator = Command::new(python.join("bin/python"));
    let validator = validator.args(["-m", "openapi_spec_validator", "--errors", "all"]).arg(document());
    run(validator).await.unwrap_or_else(|problem| panic!("{problem}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_does_what_the_document_says() {
    let Some(python) = python().await else { return };
    let harness = Harness::with_variables(&[("allowed_origins", ORIGIN)]).await;
    let judge = async |authorization: &str, phases: &str| {
        let mut schemathesis = Command::new(python.join("bin/st"));
        let configuration = workspace::root().join(SOURCE).join("schemathesis.toml");
        schemathesis.arg("--config-file").arg(configuration).arg("run").arg(document());
        schemathesis.args(["--url", harness.api.server.url(), "--phases", phases]).current_dir(&python);
        schemathesis.args(["--header", &format!("Authorization: {authorization}")]);
        run(&mut schemathesis).await.unwrap_or_else(|problem| panic!("{authorization}: {problem}"))
    };
    let printed = judge(&format!("Bearer {}", harness.token("ada")), "examples,coverage,fuzzing").await;
    // It made requests, and the API answered them.
    assert!(printed.contains("No issues found") && harness.request_lines(300).await.len() >= 300, "{printed}");
    // People whom Entra refuses: a second factor is needed, consent is missing, access is denied.
    for refused in ["mona", "connie", "dora"] {
        judge(&format!("Bearer {}", harness.token(refused)), "examples").await;
    }
    judge("Basic eDp5", "examples").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_client_gets_the_profile_and_a_typed_problem() {
    let Some(folder) = unless_skipped("the generated client", npm(SOURCE).await).unwrap() else { return };
    let module = |path: &str| folder.join("node_modules").join(path);
    let node = |script: PathBuf| {
        let mut node = Command::new("node");
        node.arg(script).current_dir(&folder);
        node
    };
    let mut generator = node(module("openapi-typescript/bin/cli.js"));
    run(generator.arg(document()).args(["--output", "api.ts"])).await.unwrap_or_else(|problem| panic!("{problem}"));
    let mut compiler = node(module("typescript/bin/tsc"));
    run(compiler.args(["--project", "."])).await.unwrap_or_else(|problem| panic!("{problem}"));

    let harness = Harness::start().await;
    let mut client = node(folder.join("client.js"));
    client.env("API", harness.api.server.url()).env("ADA", harness.token("ada")).env("MONA", harness.token("mona"));
    let printed = run(&mut client).await.unwrap_or_else(|problem| panic!("{problem}"));
    let mut seen: Value = serde_json::from_str(&printed).unwrap();
    let challenge = seen["challenge"].take();
    let (status, claims) = challenge.as_str().unwrap().split_once(' ').unwrap();
    let claims: Value = serde_json::from_str(claims).unwrap();
    assert!(status == "401" && claims["access_token"].is_object(), "{claims}");
    assert_eq!(
        seen,
        json!({
            "displayName": harness.person("ada").display_name,
            "selected": ["displayName", "mail"],
            "challenge": null,
            "photo": "image/jpeg",
            "withoutToken": "token_missing",
            "metadata": [format!("api://{}/user_impersonation", harness.api.tenant.client_id())],
            "readiness": "ready",
        })
    );
}

fn document() -> PathBuf {
    workspace::root().join("docs/openapi.yaml")
}

/// What a command prints. The error is all that it printed, because a report is long.
async fn run(command: &mut Command) -> Result<String, String> {
    let output = timeout(TIME, command.stdin(Stdio::null()).kill_on_drop(true).output()).await;
    let output = output.map_err(|_| format!("{TIME:?} were not enough"))?.map_err(|error| error.to_string())?;
    let printed = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(printed(&output.stdout)),
        false => Err([output.stdout, output.stderr].map(|bytes| printed(&bytes)).concat()),
    }
}

/// A virtual environment with the tools in Python; `None`, with a message, where they cannot be installed.
async fn python() -> Option<PathBuf> {
    unless_skipped("the tools for OpenAPI in Python", pip(SOURCE).await).unwrap()
}
