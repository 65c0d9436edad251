//! The embedded host itself, without a tenant.

use std::{fs, net::SocketAddr, path::Path};

use cargo_dev::{component::Component, progress::Progress, workspace};
use profile_get_dev::run::{AvailableRunner, HostOptions, Runner, Server};
use reqwest::{Client, Response};
use tempfile::TempDir;

const REQUIRED: [&str; 2] = ["tenant_id", "client_id"];

/// The project's own application on a free port.
fn options(directory: &TempDir) -> HostOptions {
    HostOptions {
        variables: REQUIRED.map(|name| (name.to_owned(), "value".to_owned())).into(),
        ..HostOptions::new(workspace::manifest(), directory.path().to_owned())
    }
}

async fn serve(options: HostOptions) -> anyhow::Result<Server> {
    AvailableRunner::find(Runner::Embedded, Progress::default()).await?.serve(options).await
}

async fn started() -> (Server, TempDir) {
    Component::Api.build(Progress::default()).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    (serve(options(&directory)).await.unwrap(), directory)
}

async fn get(host: &Server, path: &str) -> Response {
    let client = Client::builder().no_proxy().build().unwrap();
    client.get(format!("{}{path}", host.url())).send().await.unwrap()
}

fn address(host: &Server) -> SocketAddr {
    host.url().strip_prefix("http://").unwrap().parse().unwrap()
}

async fn refusal(change: impl FnOnce(&mut HostOptions, &Path)) -> String {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(&directory);
    change(&mut options, directory.path());
    format!("{:#}", serve(options).await.unwrap_err())
}

#[tokio::test(flavor = "multi_thread")]
async fn spins_own_paths_are_answered_without_the_component() {
    let (host, _directory) = started().await;
    for (path, status, body) in
        [("/.well-known/spin/health", 200, "OK"), ("/.well-known/spin/other", 404, ""), ("/nowhere", 404, "")]
    {
        let response = get(&host, path).await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.text().await.unwrap(), body, "{path}");
    }
    let info: serde_json::Value = get(&host, "/.well-known/spin/info").await.json().await.unwrap();
    assert_eq!(info["name"], "profile-get");
    assert_eq!(get(&host, "/api/profile-get").await.status(), 500, "`value` is no tenant id");
    let log = host.settled_log_lines().await;
    assert!(log.iter().any(|line| line.contains("tenant_id")), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_is_taken_once_and_free_again_after() {
    let (host, _directory) = started().await;
    let listen = address(&host);
    let taken = refusal(|options, _| options.listen = listen).await;
    assert!(taken.contains(&listen.to_string()), "{taken}");
    host.stop().await;

    let directory = tempfile::tempdir().unwrap();
    let again = serve(HostOptions { listen, ..options(&directory) }).await.unwrap();
    assert_eq!(address(&again), listen);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_it_from_starting_is_named() {
    let manifest = fs::read_to_string(workspace::manifest()).unwrap();
    let with_manifest = async |from: &str, to: &str| {
        assert!(manifest.contains(from), "{from}");
        let manifest = manifest.replace(from, to);
        refusal(|options, directory| {
            options.manifest = directory.join("spin.toml");
            fs::write(&options.manifest, manifest).unwrap();
            fs::write(directory.join("not-wasm"), "text").unwrap();
        })
        .await
    };
    let source = "source = \"target/wasm32-wasip2/release/profile_get.wasm\"";
    for (from, to, expected) in [
        (source, source, "build it first (cargo dev build)"),
        (source, "source = \"not-wasm\"", "not-wasm is no Wasm component"),
        ("[component.profile-get]", "[component.profile-get]\nai_models = [\"llama\"]", "unknown field `ai_models`"),
        ("component = \"profile-get\"", "component = \"other\"", "component `other` is not defined"),
    ] {
        let error = with_manifest(from, to).await;
        assert!(error.contains(expected), "{to}: {error}");
    }

    let unset = refusal(|options, _| options.variables.clear()).await;
    for name in ["SPIN_VARIABLE_TENANT_ID", "SPIN_VARIABLE_CLIENT_ID"] {
        assert!(unset.contains(name), "{unset}");
    }
    let missing = refusal(|options, directory| options.runtime_config = Some(directory.join("none.toml"))).await;
    assert!(missing.contains("none.toml"), "{missing}");
}
