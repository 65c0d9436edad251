//! The official MCP client finds Entra from the address of a server behind the gateway, signs in, and calls a tool.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use cargo_dev::{
    component::Component,
    npm_and_pip::{npm, unless_skipped},
    progress::Progress,
};
use emulated_tenant::{Tenant, TenantOptions};
use profile_get_dev::run::{AvailableRunner, HostOptions, Runner};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// How the outside addresses the server.
const PUBLIC_URL: &str = "https://mcp.contoso.example";
const REDIRECT_URI: &str = "http://localhost:5999/callback";

/// How long a program may take.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_official_client_discovers_and_calls_a_server_behind_the_gateway() {
    let Some(folder) = installed().await else { return };
    let url = format!("{PUBLIC_URL}/mcp");
    // Entra knows the address as an Application ID URI, so `resource` and scope agree.
    let seen = run(&folder, &url, &[]).await;
    let scope = format!("{url}/user_impersonation");
    let expected = json!({
        "first": "UnauthorizedError", "scope": scope, "resource": url, "error": null, "code": null,
        "whoami": "ada@emulated-tenant.example",
    });
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn without_the_address_as_application_id_uri_the_client_must_leave_the_resource_out() {
    let Some(folder) = installed().await else { return };
    let seen = run(&folder, "", &[]).await;
    assert_eq!((&seen["error"], &seen["code"]), (&json!("invalid_target"), &json!("AADSTS9010010")), "{seen}");
    assert_eq!(seen["resource"], format!("{PUBLIC_URL}/mcp"));

    let seen = run(&folder, "", &[("WITHOUT_RESOURCE", "1")]).await;
    assert_eq!((&seen["resource"], &seen["whoami"]), (&Value::Null, &json!("ada@emulated-tenant.example")), "{seen}");
}

/// What the client saw, with this Application ID URI in addition to `api://<client id>`.
async fn run(folder: &Path, application_id_uri: &str, environment: &[(&str, &str)]) -> Value {
    let host = AvailableRunner::find(Runner::from_environment().unwrap(), Progress::default()).await.unwrap();
    let guard = Component::Entra.build(Progress::default()).await.unwrap();
    let tenant = Tenant::start(TenantOptions::default()).await.unwrap();
    if !application_id_uri.is_empty() {
        tenant.add_application_id_uri(application_id_uri);
    }
    let web = tenant.web_client();
    tenant.register_redirect_uri(&web.client_id, REDIRECT_URI).unwrap();
    let (port, _server) = serve(folder).await;

    let upstream = format!("http://127.0.0.1:{port}");
    let variables = toml::Table::from_iter(
        [
            ("tenant_id", tenant.tenant_id()),
            ("client_id", tenant.client_id()),
            ("client_secret", &tenant.client_secret()),
            ("authority_host", tenant.authority_url()),
            ("required_scope", "user_impersonation"),
            ("allowed_clients", ""),
            ("forward_authorization", "off"),
            ("application_id_uris", application_id_uri),
            ("upstream", &upstream),
            ("public_url", PUBLIC_URL),
        ]
        .map(|(name, value)| (name.to_owned(), value.into())),
    );
    let mut manifest = toml::toml! {
        spin_manifest_version = 2
        application = { name = "mcp", version = "0.1.0" }
        trigger.http = [{ route = "/...", component = "entra" }]
    };
    let entra = toml::Table::from_iter([
        ("source".to_owned(), guard.to_str().unwrap().into()),
        ("allowed_outbound_hosts".to_owned(), vec![tenant.authority_url(), &upstream].into()),
        ("key_value_stores".to_owned(), vec!["default"].into()),
        ("variables".to_owned(), variables.into()),
    ]);
    manifest.insert("component".to_owned(), toml::Table::from_iter([("entra".to_owned(), entra.into())]).into());
    let state = tempfile::tempdir().unwrap();
    let path = state.path().join("spin.toml");
    std::fs::write(&path, toml::to_string(&manifest).unwrap()).unwrap();
    let options = HostOptions::new(path, state.path().join("state"));
    let gateway = host.serve(options).await.unwrap();

    let mut client = Command::new("node");
    client.arg(folder.join("client.mjs")).kill_on_drop(true);
    client
        .env("MCP_URL", format!("{PUBLIC_URL}/mcp"))
        .env("GATEWAY_URL", gateway.url())
        .env("CLIENT_ID", web.client_id)
        .env("CLIENT_SECRET", web.client_secret)
        .env("REDIRECT_URI", REDIRECT_URI)
        .envs(environment.iter().copied());
    let output = timeout(LIMIT, client.output()).await.expect("the client ends in time").unwrap();
    let failure = || format!("{} {:?}", String::from_utf8_lossy(&output.stderr), gateway.log_lines());
    assert!(output.status.success(), "{}", failure());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The server on a free port. Dropping it ends it.
async fn serve(folder: &Path) -> (u16, Child) {
    let mut node = Command::new("node");
    node.arg(folder.join("server.mjs")).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut server = node.spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let line = timeout(LIMIT, lines.next_line()).await.expect("it listens in time").unwrap();
    (line.expect("it listens").parse().unwrap(), server)
}

/// The folder of client and server with their packages; `None`, with a message, where they cannot be installed.
async fn installed() -> Option<PathBuf> {
    unless_skipped("the MCP client", npm("dev/tests/clients/mcp").await).unwrap()
}
