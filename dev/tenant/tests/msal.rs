//! Independent clients judge the emulated tenant: MSAL for Python and MSAL for Node.
//!
//! Each signs people in by the authorization code flow, refreshes, exchanges on behalf of, and meets a claims challenge.
//! Their packages are installed below the target directory when they are first needed. Where Python or Node is missing
//! a test is skipped and says so.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers, which clippy does not know as tests"
)]

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use emulated_tenant::{Tenant, TenantOptions};
use serde_json::{Value, json};

const REDIRECT_URI: &str = "http://localhost:5999/callback";

#[tokio::test]
async fn msal_for_python() {
    let Some(folder) = install("python3", "msal-python", &["requirements.txt", "msal_client.py"], |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")))?;
        let pip =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", "requirements.txt"];
        run(Command::new(folder.join("venv/bin/python")).args(pip).current_dir(folder))
    }) else {
        return;
    };
    let mut client = Command::new(folder.join("venv/bin/python"));
    client.arg(folder.join("msal_client.py"));
    check(client).await;
}

#[tokio::test]
async fn msal_for_node() {
    let Some(folder) =
        install("node", "msal-node", &["package.json", "package-lock.json", "msal_client.mjs"], |folder| {
            run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder))
        })
    else {
        return;
    };
    let mut client = Command::new("node");
    client.arg(folder.join("msal_client.mjs"));
    check(client).await;
}

/// Runs a client against a tenant of its own and compares its observations with the expected ones.
async fn check(mut client: Command) {
    let tenant = Tenant::start(TenantOptions::default()).await.unwrap();
    let web = tenant.web_client();
    tenant.register_redirect_uri(&web.client_id, REDIRECT_URI).unwrap();
    client
        .env("LOGIN_HOST", tenant.authority_url())
        .env("GRAPH", tenant.graph_url())
        .env("TENANT_ID", tenant.tenant_id())
        .env("REDIRECT_URI", REDIRECT_URI)
        .env("WEB_CLIENT_ID", web.client_id)
        .env("WEB_CLIENT_SECRET", web.client_secret)
        .env("API_CLIENT_ID", tenant.client_id())
        .env("API_CLIENT_SECRET", tenant.client_secret());
    let output = tokio::task::spawn_blocking(move || client.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "the client failed:\n{}", String::from_utf8_lossy(&output.stderr));

    let mut seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    let claims = seen["challenge"]["claims"].take();
    assert_eq!(serde_json::from_str::<Value>(claims.as_str().unwrap()).unwrap(), tenant.second_factor_challenge());
    assert_eq!(
        seen,
        json!({
            "signed_in": "ada@emulated-tenant.example",
            "account": "ada@emulated-tenant.example",
            "profile": "Ada Marsh",
            "profile_after_refresh": "Ada Marsh",
            "token_was_renewed": true,
            "challenge": {"error": "invalid_grant", "suberror": "basic_action", "claims": null},
            "profile_after_challenge": "Mona Farouk",
        })
    );
}

/// The folder of a ready client, with `files` of `tests/clients`. `None` when it is to be skipped.
fn install(
    program: &str,
    name: &str,
    files: &[&str],
    install_packages: impl FnOnce(&Path) -> Result<(), String>,
) -> Option<PathBuf> {
    if Command::new(program).arg("--version").output().is_err() {
        skip(name, &format!("{program} is not installed"));
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    let requirements = requirements(files);
    let stamp = folder.join("installed");
    for file in files {
        fs::copy(source().join(file), folder.join(file)).unwrap();
    }
    if fs::read_to_string(&stamp).ok() != Some(requirements.clone()) {
        if let Err(problem) = install_packages(&folder) {
            // On CI the registries are reachable, so a failure is an error.
            assert!(std::env::var_os("CI").is_none(), "the packages of {name} cannot be installed:\n{problem}");
            skip(name, &format!("its packages cannot be installed:\n{problem}"));
            return None;
        }
        fs::write(stamp, requirements).unwrap();
    }
    Some(folder)
}

/// The files that decide whether packages have to be installed again: all but the client itself.
fn requirements(files: &[&str]) -> String {
    let pinned = files.iter().filter(|file| !file.starts_with("msal_client"));
    pinned.map(|file| fs::read_to_string(source().join(file)).unwrap()).collect()
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Writes directly to standard error, since the test runner hides the output of passing tests.
fn skip(name: &str, reason: &str) {
    io::stderr().write_all(format!("SKIPPED {name}: {reason}\n").as_bytes()).unwrap();
}
