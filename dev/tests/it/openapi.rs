//! `docs/openapi.yaml` judged by others: a validator of OpenAPI, requests that schemathesis makes from it, and a client in
//! TypeScript whose types are generated from it.
//!
//! Their packages are installed below the target directory when they are first needed. Where Python or Node is missing a
//! test is skipped and says so.

use std::{
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use cargo_dev::workspace;
use serde_json::{Value, json};
use tokio::{process::Command, sync::Mutex, time::timeout};

use crate::harness::Harness;

/// For all that a tool does. The slowest is schemathesis, whose 2,500 requests take a minute on two busy cores.
const TIME: Duration = Duration::from_secs(300);

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
        schemathesis.arg("--config-file").arg(source().join("schemathesis.toml")).arg("run").arg(document());
        schemathesis.args(["--url", harness.api.url(), "--phases", phases]).current_dir(&python);
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
    const FILES: [&str; 4] = ["package.json", "package-lock.json", "tsconfig.json", "client.ts"];
    let Some(folder) = installed("openapi-client", "npm", &FILES[..2], async |folder| {
        run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder)).await
    })
    .await
    else {
        return;
    };
    for file in FILES {
        fs::copy(source().join(file), folder.join(file)).unwrap();
    }
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
    client.env("API", harness.api.url()).env("ADA", harness.token("ada")).env("MONA", harness.token("mona"));
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

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/openapi")
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

/// A virtual environment with the tools in Python. `None` where it cannot be had.
async fn python() -> Option<PathBuf> {
    // Tests that need it run at the same time.
    static INSTALLING: Mutex<()> = Mutex::const_new(());
    let _installing = INSTALLING.lock().await;
    installed("openapi-python", "python3", &["requirements.txt"], async |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder)).await?;
        let requirements = source().join("requirements.txt");
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        run(Command::new(folder.join("bin/python")).args(pip).arg(requirements)).await
    })
    .await
}

/// A folder in which `install` has installed what the files `pinned` name. `None` where it cannot, which is said.
async fn installed(
    name: &str,
    program: &str,
    pinned: &[&str],
    install: impl AsyncFnOnce(&Path) -> Result<String, String>,
) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let stamp = folder.join("installed");
    let wanted: String = pinned.iter().map(|file| fs::read_to_string(source().join(file)).unwrap()).collect();
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Some(folder);
    }
    fs::create_dir_all(&folder).unwrap();
    for file in pinned {
        fs::copy(source().join(file), folder.join(file)).unwrap();
    }
    let outcome = match run(Command::new(program).arg("--version")).await {
        Ok(_) => install(&folder).await,
        Err(problem) => Err(problem),
    };
    if let Err(problem) = outcome {
        // On CI the registries are reachable, so a failure is an error.
        assert!(env::var_os("CI").is_none(), "{name} cannot be installed: {problem}");
        io::stderr().write_all(format!("SKIPPED {name}: {problem}\n").as_bytes()).unwrap();
        return None;
    }
    fs::write(stamp, wanted).unwrap();
    Some(folder)
}
