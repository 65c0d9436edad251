//! The client that Microsoft wrote for its sidecar, in the Agents SDK for Python, with `entra` in place of that sidecar.

use std::time::Duration;

use cargo_dev::{
    component::Component,
    npm_and_pip::{pip, unless_skipped},
    workspace,
};
use serde_json::Value;
use tokio::{process::Command, time::timeout};

use crate::entra::Guarded;

/// The client, and the packages that it needs.
const SOURCE: &str = "dev/tests/clients/agents";

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
    let packages = unless_skipped("Microsoft's client", pip(SOURCE).await).unwrap()?;
    // The sidecar is private to the application; the probe sends what the client asks for as requests of its own.
    let settings = [settings, &[("public_paths", "/own/*")]].concat();
    let guarded = Guarded::start(Component::Probe, &settings).await;
    let tenant = &guarded.app.tenant;
    tenant.assign_app_role(tenant.client_id(), "https://graph.microsoft.com", "User.Read.All").unwrap();
    let mut client = Command::new(packages.join("bin/python"));
    client.arg(workspace::root().join(SOURCE).join("client.py")).kill_on_drop(true);
    client.env("SIDECAR_URL", format!("{}/own/entra.spin.internal", guarded.app.server.url())).env("SERVICE", "graph");
    let output = timeout(LIMIT, client.output()).await.expect("the client ends in time").unwrap();
    let failure = || format!("{} {:?}", String::from_utf8_lossy(&output.stderr), guarded.app.server.log_lines());
    assert!(output.status.success(), "{}", failure());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}
