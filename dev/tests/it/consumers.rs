//! How other projects get the component `entra`, and how an app that guards itself with it begins. These run on the real Spin,
//! because the embedded host knows neither registries nor templates.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use cargo_dev::{component::Component, programs::output_of, progress::Progress, spin_program::SpinProgram, workspace};
use emulated_tenant::{Tenant, TenantOptions};
use profile_get_dev::{
    loopback::client,
    run::{LogSink, Registry, Server},
};
use reqwest::{StatusCode, header::LOCATION};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
};

/// A package in a registry: its namespace, its name, and its version.
const PACKAGE: (&str, &str, &str) = ("identity", "entra", "0.1.0");

/// `None`, with a message, where there is no real Spin.
async fn spin() -> Option<SpinProgram> {
    match SpinProgram::find().await {
        Ok(spin) => Some(spin),
        Err(_) => {
            eprintln!("skipped: the real Spin is not installed, or SPIN does not name it");
            None
        }
    }
}

#[tokio::test]
async fn another_project_takes_the_component_from_a_url_or_a_registry() {
    let Some(spin) = spin().await else { return };
    let entra = fs::read(Component::Entra.build(Progress::default()).await.unwrap()).unwrap();
    let digest = digest(&entra);
    let folder = tempfile::tempdir().unwrap();

    let url = format!("http://{}/entra.wasm", serve(entra.clone()).await);
    let from_url = |digest: &str| format!("{{ url = \"{url}\", digest = \"{digest}\" }}");
    assert_eq!(served(&spin, folder.path(), &from_url(&digest)).await, Ok(StatusCode::NOT_FOUND));
    let of_another = self::digest(b"another component");
    let refused = served(&spin, folder.path(), &from_url(&of_another)).await.unwrap_err();
    assert!(refused.contains("invalid content digest"), "{refused}");

    if !Registry::is_installed().await {
        return eprintln!("skipped: docker-registry is not installed");
    }
    let registry = Registry::start(folder.path()).await.unwrap();
    push(registry.address(), &entra).await;
    // The registry has no TLS, and does not say that its packages are OCI artifacts.
    let configuration = folder.path().join(".config/wasm-pkg");
    fs::create_dir_all(&configuration).unwrap();
    let name = format!("[registry.\"{}\"", registry.address());
    let known = format!("{name}]\ntype = \"oci\"\n{name}.oci]\nprotocol = \"http\"\n");
    fs::write(configuration.join("config.toml"), known).unwrap();
    let (namespace, package, version) = PACKAGE;
    let address = registry.address();
    let source =
        format!("{{ registry = \"{address}\", package = \"{namespace}:{package}\", version = \"{version}\" }}");
    assert_eq!(served(&spin, folder.path(), &source).await, Ok(StatusCode::NOT_FOUND));
}

#[tokio::test]
async fn an_app_from_a_template_greets_its_caller() {
    let Some(spin) = spin().await else { return };
    let entra = Component::Entra.build(Progress::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: Vec<String>, current: &Path| {
        let mut command = Command::new(spin.path());
        command.args(arguments).current_dir(current).env("XDG_DATA_HOME", folder.path().join("data"));
        command
    };
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let clone = workspace::root().display().to_string();
    output_of(&mut run([words("templates install --dir"), vec![clone]].concat(), folder.path())).await.unwrap();
    for language in ["rust", "javascript", "python"] {
        let new = format!("new -t entra-{language} my-{language}-api --accept-defaults");
        output_of(&mut run(words(&new), folder.path())).await.unwrap();
        let manifest = fs::read_to_string(folder.path().join(format!("my-{language}-api/spin.toml"))).unwrap();
        assert!(manifest.contains(&format!("name = \"my-{language}-api\"")) && !manifest.contains("{{project"));
    }

    // The others have the code of the examples, which are built and called elsewhere.
    let app = folder.path().join("my-rust-api");
    fs::copy(entra, app.join("entra.wasm")).unwrap();
    let mut build = run(words("build"), &app);
    output_of(build.env_remove("CARGO_TARGET_DIR")).await.unwrap();
    let tenant = Tenant::start(TenantOptions::default()).await.unwrap();
    let environment = [
        ("SPIN_VARIABLE_TENANT_ID", tenant.tenant_id().to_owned()),
        ("SPIN_VARIABLE_CLIENT_ID", tenant.client_id().to_owned()),
        ("SPIN_VARIABLE_CLIENTSECRET", tenant.client_secret()),
        ("SPIN_VARIABLE_AUTHORITY_HOST", tenant.authority_url().to_owned()),
        ("SPIN_VARIABLE_GRAPH_URL", tenant.graph_url().to_owned()),
    ];
    let environment: BTreeMap<_, _> = environment.map(|(name, value)| (name.to_owned(), value)).into();
    let arguments = up();
    let spin = Server::run(spin.path(), arguments, &environment, &app, &LogSink::Collect).await.unwrap();
    let token = tenant.access_token(tenant.person("ada").unwrap(), |_| {});
    let request = client().unwrap().get(format!("{}/", spin.url())).bearer_auth(token);
    let greeting = request.send().await.unwrap().text().await.unwrap();
    assert!(greeting.starts_with("Hello, "), "{greeting} {:?}", spin.log_lines());
    assert_eq!(
        client().unwrap().get(format!("{}/", spin.url())).send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
}

fn up() -> Vec<OsString> {
    ["up", "--listen", "127.0.0.1:0"].map(Into::into).into()
}

/// How the component from this source answers a request from outside, for which it has no `upstream`; or why it does not
/// start.
async fn served(spin: &SpinProgram, folder: &Path, source: &str) -> Result<StatusCode, String> {
    let manifest = format!(
        r#"
        spin_manifest_version = 2
        application = {{ name = "consumer", version = "0.1.0" }}

        [[trigger.http]]
        route = "/..."
        component = "entra"

        [component.entra]
        source = {source}
        key_value_stores = ["default"]

        [component.entra.variables]
        tenant_id = "0b6f9c1e-5d2a-4f7b-8c3d-9e1a2b4c6d8f"
        client_id = "7c1d2e3f-4a5b-4c6d-8e7f-9a0b1c2d3e4f"
        client_secret = "abc8Q~x1y2z3A4B5C6D7E8F9G0H1I2J3K4L5M6N7"
        required_scope = "user_impersonation"
        allowed_clients = ""
        forward_authorization = "off"
        "#
    );
    fs::write(folder.join("spin.toml"), manifest).unwrap();
    // Spin keeps what it fetches below the home folder.
    let home = folder.display().to_string();
    let environment =
        BTreeMap::from([("HOME".to_owned(), home.clone()), ("XDG_CONFIG_HOME".to_owned(), format!("{home}/.config"))]);
    let running = Server::run(spin.path(), up(), &environment, folder, &LogSink::Collect).await;
    let running = running.map_err(|error| format!("{error:#}"))?;
    let response = client().unwrap().get(format!("{}/healthz", running.url())).send().await.unwrap();
    let status = response.status();
    assert!(response.text().await.unwrap().contains("not_found"), "{:?}", running.log_lines());
    Ok(status)
}

/// Answers every request with this file.
async fn serve(file: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", file.len());
            let _ = stream.write_all(&[head.as_bytes(), &file].concat()).await;
        }
    });
    address
}

/// Pushes the component as an OCI artifact, in the form that `wkg oci push` gives it.
async fn push(registry: SocketAddr, component: &[u8]) {
    let (namespace, package, version) = PACKAGE;
    let base = format!("http://{registry}/v2/{namespace}/{package}");
    let layer = digest(component);
    let configuration =
        json!({"created": "2026-01-01T00:00:00Z", "architecture": "wasm", "os": "wasip2", "layerDigests": [layer]})
            .to_string();
    for blob in [component, configuration.as_bytes()] {
        let begun = client().unwrap().post(format!("{base}/blobs/uploads/")).send().await.unwrap();
        let place = begun.headers()[LOCATION].to_str().unwrap();
        let upload = client().unwrap().put(format!("{place}&digest={}", digest(blob))).body(blob.to_vec());
        assert_eq!(upload.send().await.unwrap().status(), StatusCode::CREATED);
    }
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {
            "mediaType": "application/vnd.wasm.config.v0+json",
            "digest": digest(configuration.as_bytes()),
            "size": configuration.len(),
        },
        "layers": [{"mediaType": "application/wasm", "digest": layer, "size": component.len()}],
    });
    let put = client().unwrap().put(format!("{base}/manifests/{version}")).header("content-type", media_type);
    assert_eq!(put.body(manifest.to_string()).send().await.unwrap().status(), StatusCode::CREATED);
}

fn digest(bytes: &[u8]) -> String {
    let hexadecimal: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hexadecimal}")
}
