//! The clients that Microsoft wrote for its sidecar, in the Agents SDK for Python and for JavaScript, with `entra` in place of
//! that sidecar.

use std::{path::Path, time::Duration};

use cargo_dev::{
    component::Component,
    npm_and_pip::{npm, pip, unless_skipped},
    workspace,
};
use serde_json::Value;
use tokio::{process::Command, time::timeout};

use crate::entra::Guarded;

/// The clients, and the packages that they need.
const IN_PYTHON: &str = "dev/tests/clients/agents/python";
const IN_JAVASCRIPT: &str = "dev/tests/clients/agents/javascript";

/// How long a program may take.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn microsofts_clients_get_tokens_of_the_application() {
    let settings = [("application_tokens_for", "graph")];
    for (seen, refusal) in [(in_python(&settings).await, "ValueError"), (in_javascript(&settings).await, "Error")] {
        let Some(seen) = seen else { continue };
        assert_eq!(seen["healthy"], true, "{seen}");
        for name in ["token", "again"] {
            assert!(seen[name].as_str().is_some_and(|token| token.starts_with("ey")), "{seen}");
        }
        // Identities of agents are not supported, and the parameter is refused by name.
        assert_eq!(seen["agent"]["error"], refusal, "{seen}");
    }
}

#[tokio::test]
async fn microsofts_clients_learn_that_there_are_no_tokens_of_the_application() {
    for (seen, refusal) in [(in_python(&[]).await, "SidecarAuthError"), (in_javascript(&[]).await, "Error")] {
        let Some(seen) = seen else { continue };
        assert_eq!(seen["healthy"], true, "{seen}");
        for name in ["token", "again", "agent"] {
            assert_eq!(seen[name]["error"], refusal, "{seen}");
            assert!(seen[name]["text"].as_str().unwrap().contains("403"), "{seen}");
        }
    }
}

async fn in_python(settings: &[(&str, &str)]) -> Option<Value> {
    let packages = unless_skipped("Microsoft's client in Python", pip(IN_PYTHON).await).unwrap()?;
    let client = workspace::root().join(IN_PYTHON).join("client.py");
    Some(run(&packages.join("bin/python"), &client, settings).await)
}

async fn in_javascript(settings: &[(&str, &str)]) -> Option<Value> {
    let folder = unless_skipped("Microsoft's client in JavaScript", npm(IN_JAVASCRIPT).await).unwrap()?;
    Some(run(Path::new("node"), &folder.join("client.mjs"), settings).await)
}

/// What the client sees.
async fn run(program: &Path, script: &Path, settings: &[(&str, &str)]) -> Value {
    // The sidecar is private to the application; the probe sends what the client asks for as requests of its own.
    let settings = [settings, &[("public_paths", "/own/*")]].concat();
    let guarded = Guarded::start(Component::Probe, &settings).await;
    let tenant = &guarded.app.tenant;
    tenant.assign_app_role(tenant.client_id(), "https://graph.microsoft.com", "User.Read.All").unwrap();
    let mut client = Command::new(program);
    client.arg(script).kill_on_drop(true).env("SERVICE", "graph").env("TENANT", tenant.tenant_id());
    client.env("SIDECAR_URL", format!("{}/own/entra.spin.internal", guarded.app.server.url()));
    let output = timeout(LIMIT, client.output()).await.expect("the client ends in time").unwrap();
    let failure = || format!("{} {:?}", String::from_utf8_lossy(&output.stderr), guarded.app.server.log_lines());
    assert!(output.status.success(), "{}", failure());
    serde_json::from_slice(&output.stdout).unwrap()
}
