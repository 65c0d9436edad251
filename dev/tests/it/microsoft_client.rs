//! The client that Microsoft wrote for its sidecar, in the Agents SDK for Python, with `entra` in place of that sidecar.

use std::{path::PathBuf, time::Duration};

use cargo_dev::{component::Component, workspace};
use serde_json::Value;
use tokio::{process::Command, time::timeout};

use crate::entra::Guarded;

/// How long the program may take.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn microsofts_client_gets_tokens_of_the_application() {
    let Some(seen) = run(&[("application_tokens_for", "graph")]).await else { return };
    assert_eq!(seen["healthy"], true);
    for name in ["token", "again"] {
        assert!(seen[name].as_str().is_some_and(|token| token.starts_with("ey")), "{seen}");
    }
    // Identities of agents are not supported, and the parameter is refused by name.
    assert_eq!(seen["agent"]["error"], "ValueError", "{seen}");
}

#[tokio::test]
async fn microsofts_client_learns_that_there_are_no_tokens_of_the_application() {
    let Some(seen) = run(&[]).await else { return };
    assert_eq!(seen["healthy"], true);
    for name in ["token", "again", "agent"] {
        assert_eq!(seen[name]["error"], "SidecarAuthError", "{seen}");
        assert!(seen[name]["text"].as_str().unwrap().contains("403"), "{seen}");
    }
}

/// What the client sees; `None` where it cannot be installed.
async fn run(settings: &[(&str, &str)]) -> Option<Value> {
    let folder = installed().await?;
    // The sidecar is private to the application; the probe sends what the client asks for as requests of its own.
    let settings = [settings, &[("public_paths", "/own/*")]].concat();
    let guarded = Guarded::start(Component::Probe, &settings).await;
    let tenant = &guarded.app.tenant;
    tenant.assign_app_role(tenant.client_id(), "https://graph.microsoft.com", "User.Read.All").unwrap();
    let mut client = Command::new(folder.join("venv/bin/python"));
    client.arg(folder.join("client.py")).kill_on_drop(true);
    client.env("SIDECAR_URL", format!("{}/own/entra.spin.internal", guarded.app.server.url())).env("SERVICE", "graph");
    let output = timeout(LIMIT, client.output()).await.expect("the client ends in time").unwrap();
    let failure = || format!("{} {:?}", String::from_utf8_lossy(&output.stderr), guarded.app.server.log_lines());
    assert!(output.status.success(), "{}", failure());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// The folder of the client with its packages, installed once below the target folder. `None` where Python or its registry is
/// missing.
async fn installed() -> Option<PathBuf> {
    static INSTALLING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _one_at_a_time = INSTALLING.lock().await;
    let folder = workspace::target().join("clients/agents");
    // A virtual environment knows its own path, so it does not survive a move of the workspace.
    let script = "set -e; mkdir -p \"$TO\"; cp \"$FROM\"/* \"$TO\"; cd \"$TO\"; \
                  grep -qsF \"$PWD/venv\" venv/bin/activate || { rm -f installed; python3 -m venv --clear venv; }; \
                  cmp -s requirements.txt installed || \
                  venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt; \
                  cp requirements.txt installed";
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).env("FROM", workspace::root().join("dev/tests/clients/agents")).env("TO", &folder);
    let output = bash.output().await.unwrap();
    if output.status.success() {
        return Some(folder);
    }
    eprintln!("skipped: Microsoft's client cannot be installed here: {}", String::from_utf8_lossy(&output.stderr));
    None
}
