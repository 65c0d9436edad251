//! From an empty tenant to a profile, by nothing but what `cargo dev register` wrote.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use cargo_dev::{
    commands::{Arguments, Command},
    component::Component,
    progress::Progress,
    registration::Tools,
    workspace,
};
use clap::Parser as _;
use embedded_host::{HostOptions, InstanceReuse, LogSink, WallClock};
use emulated_tenant::{Tenant, TenantOptions};
use profile_get_dev::run::{Runner, Server, runtime_config::vault_environment};
use reqwest::{Client, Response, header, redirect::Policy};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_tenant_is_one_command_away_from_a_profile() {
    let tenant = Tenant::start(TenantOptions::default()).await.unwrap();
    for name in ["clientsecret", "appclientsecret"] {
        tenant.remove_vault_secret(name);
    }
    let folder = tempfile::tempdir().unwrap();
    let az = folder.path().join("az");
    fs::write(&az, tenant.azure_cli_program(tenant.administrator())).unwrap();
    fs::set_permissions(&az, fs::Permissions::from_mode(0o755)).unwrap();
    let (api_port, app_port) = (free_port(), free_port());
    let (api_url, app_url) = (format!("http://127.0.0.1:{api_port}"), format!("http://localhost:{app_port}"));
    let output = folder.path().display().to_string();
    let arguments = ["--vault", tenant.vault_url(), "--consent", "--api-url", &api_url, "--app-url", &app_url];
    let all = ["cargo dev", "register", "--output", &output].into_iter().chain(arguments);
    let Command::Register(register) = Arguments::try_parse_from(all).unwrap().command else {
        panic!("another command")
    };
    let mut printed = Vec::new();
    let tools = Tools { az: az.into(), ..Tools::default() };
    register.run_with(&tools, &mut printed, Progress::default()).await.unwrap();

    Component::Api.build(Progress::default()).await.unwrap();
    Component::SignInApp.build(Progress::default()).await.unwrap();
    let file = |name: &str| folder.path().join(name).join("runtime-config.local.toml");
    let api = serve(&tenant, workspace::manifest(), file(""), api_port, folder.path()).await;
    let app = serve(&tenant, workspace::root().join("app/spin.toml"), file("app"), app_port, folder.path()).await;

    // The API alone, with a token from Entra.
    let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let configuration: toml::Table = fs::read_to_string(file("")).unwrap().parse().unwrap();
    let client_id = configuration["variables_provider"][0]["values"]["client_id"].as_str().unwrap().to_owned();
    let resource = format!("api://{client_id}");
    let minted = client
        .post(format!("{}/emulator/token", tenant.authority_url()))
        .form(&[("person", "ada"), ("resource", &resource)])
        .send()
        .await
        .unwrap();
    let token = minted.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
    let response = client.get(format!("{}/api/profile-get", api.url())).bearer_auth(token).send().await.unwrap();
    assert_eq!(response.status(), 200, "{:?}", api.log_lines());
    assert_eq!(response.json::<Value>().await.unwrap()["displayName"], "Ada Marsh");

    // The sign-in app: Entra asks who signs in, and nothing else, since everybody has consented.
    let begun = client.get(format!("{app_url}/sign-in")).send().await.unwrap();
    let cookie = cookies(&begun);
    let question = client.get(location(&begun)).send().await.unwrap();
    let question_url = question.url().clone();
    let page = question.text().await.unwrap();
    let mut fields = hidden_fields(&page);
    fields.push(("person".to_owned(), "ada".to_owned()));
    let action = unescape(between(&page, "<form method=\"post\" action=\"", "\""));
    let answered = client.post(question_url.join(&action).unwrap()).form(&fields).send().await.unwrap();
    let returned = client.get(location(&answered)).header(header::COOKIE, cookie).send().await.unwrap();
    let session = cookies(&returned);
    let home = client.get(format!("{app_url}/")).header(header::COOKIE, session).send().await.unwrap();
    assert_eq!(home.status(), 200, "{:?}", app.log_lines());
    let home = home.text().await.unwrap();
    assert!(home.contains("Ada Marsh"), "{home}\n{:?}\n{:?}", app.log_lines(), api.log_lines());
}

async fn serve(tenant: &Tenant, manifest: PathBuf, runtime_config: PathBuf, port: u16, folder: &Path) -> Server {
    let host = Runner::from_environment().unwrap().find().await.unwrap();
    host.serve(HostOptions {
        manifest,
        runtime_config: Some(runtime_config),
        listen: (Ipv4Addr::LOCALHOST, port).into(),
        // The identity that reads the vault.
        environment: vault_environment(tenant, None),
        direct_mounts: false,
        variables: BTreeMap::new(),
        log: LogSink::Collect,
        reuse: InstanceReuse::default(),
        state_dir: folder.join(format!("{}-{port}", host.state_folder())),
        cache_dir: workspace::compiled(),
        clock: WallClock::default(),
    })
    .await
    .unwrap()
}

/// Each application's configuration names the addresses of both before they listen.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[track_caller]
fn location(response: &Response) -> String {
    let location = response.headers().get(header::LOCATION);
    let location = location.unwrap_or_else(|| panic!("no redirect: {} {}", response.status(), response.url()));
    response.url().join(location.to_str().unwrap()).unwrap().into()
}

/// `name=value` of the cookies that a response sets.
fn cookies(response: &Response) -> String {
    let lines = response.headers().get_all(header::SET_COOKIE).iter();
    let pairs: Vec<&str> = lines.map(|line| line.to_str().unwrap().split(';').next().unwrap()).collect();
    pairs.join("; ")
}

fn hidden_fields(page: &str) -> Vec<(String, String)> {
    let inputs = page.split("<input type=\"hidden\" ").skip(1);
    inputs
        .map(|input| (between(input, "name=\"", "\"").to_owned(), unescape(between(input, "value=\"", "\""))))
        .collect()
}

#[track_caller]
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).unwrap_or_else(|| panic!("{before} in {text}")).1.split_once(after).unwrap().0
}

fn unescape(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&#34;", "\"").replace("&#38;", "&").replace("&amp;", "&")
}
