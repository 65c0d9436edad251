//! From an empty tenant to a profile, by nothing but what `cargo dev register` wrote.

use std::{
    fs,
    io::Write as _,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::{Command as Process, Stdio},
};

use cargo_dev::{
    commands::{Arguments, Command},
    component::Component,
    progress::Progress,
    registration::Tools,
    workspace,
};
use clap::Parser as _;
use emulated_tenant::{Service, Tenant, TenantOptions};
use profile_get_dev::run::{AvailableRunner, HostOptions, Runner, Server, runtime_config::vault_environment};
use reqwest::{Client, Response, header, redirect::Policy};
use serde_json::Value;
use tempfile::TempDir;

/// A tenant in which nothing is registered, after the command ran with `arguments`.
struct Registered {
    tenant: Tenant,
    client: Client,
    folder: TempDir,
}

impl Registered {
    async fn new(tenant: Tenant, arguments: &[&str]) -> Self {
        for name in ["clientsecret", "appclientsecret"] {
            tenant.remove_vault_secret(name);
        }
        let folder = tempfile::tempdir().unwrap();
        let az = folder.path().join("az");
        // Another process writes it: this one could pass the open file on to programs that other tests start, and a file
        // that is open for writing cannot be run.
        let write = format!("cat > '{0}' && chmod 755 '{0}'", az.display());
        let mut shell = Process::new("sh").args(["-c", &write]).stdin(Stdio::piped()).spawn().unwrap();
        let program = tenant.azure_cli_program(tenant.administrator());
        shell.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success());
        let output = folder.path().display().to_string();
        let all = ["cargo dev", "register", "--consent", "--output", &output];
        let parsed = Arguments::try_parse_from(all.iter().chain(arguments)).unwrap();
        let Command::Register(register) = parsed.command else { panic!("another command") };
        let tools = Tools { az: az.into(), ..Tools::default() };
        register.run_with(&tools, &mut Vec::new(), Progress::default()).await.unwrap();
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { tenant, client, folder }
    }

    fn configuration(&self, name: &str) -> PathBuf {
        self.folder.path().join(name).join("runtime-config.local.toml")
    }

    /// Serves the API, or the sign-in app of the folder `app`, with the configuration that was written for it.
    async fn serve(&self, component: Component, folder: &str, port: u16, variables: &[(&str, &str)]) -> Server {
        component.build(Progress::default()).await.unwrap();
        let host = AvailableRunner::find(Runner::from_environment().unwrap(), Progress::default()).await.unwrap();
        host.serve(HostOptions {
            runtime_config: Some(self.configuration(folder)),
            listen: (Ipv4Addr::LOCALHOST, port).into(),
            // The identity that reads the vault.
            environment: vault_environment(&self.tenant, None),
            variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ..HostOptions::new(
                workspace::root().join(folder).join("spin.toml"),
                self.folder.path().join(format!("{}-{port}", host.state_folder())),
            )
        })
        .await
        .unwrap()
    }

    /// Calls the API with a token of ada's from Entra.
    async fn expect_profile(&self, api: &Server) {
        let configuration: toml::Table = fs::read_to_string(self.configuration("")).unwrap().parse().unwrap();
        let client_id = configuration["variables_provider"][0]["values"]["client_id"].as_str().unwrap().to_owned();
        let mint = format!("{}/emulator/token", self.tenant.authority_url());
        let form = [("person", "ada".to_owned()), ("resource", format!("api://{client_id}"))];
        let minted: Value = self.client.post(mint).form(&form).send().await.unwrap().json().await.unwrap();
        let request = self.client.get(format!("{}/api/profile-get", api.url()));
        let response = request.bearer_auth(minted["access_token"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(response.status(), 200, "{:?}", api.log_lines());
        assert_eq!(response.json::<Value>().await.unwrap()["displayName"], "Ada Marsh");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_tenant_is_one_command_away_from_a_profile() {
    let tenant = Tenant::start(TenantOptions::default()).await.unwrap();
    let (api_port, app_port) = (free_port(), free_port());
    let (api_url, app_url) = (format!("http://127.0.0.1:{api_port}"), format!("http://localhost:{app_port}"));
    let vault = tenant.vault_url().to_owned();
    let arguments = ["--vault", &vault, "--api-url", &api_url, "--app-url", &app_url];
    let registered = Registered::new(tenant, &arguments).await;
    let api = registered.serve(Component::Api, "", api_port, &[]).await;
    registered.expect_profile(&api).await;

    // In the sign-in app, Entra asks who signs in, and nothing else, since everyone has consented.
    let app = registered.serve(Component::SignInApp, "app", app_port, &[]).await;
    let client = &registered.client;
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

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_without_any_secret() {
    let tenant = Tenant::start(TenantOptions::default()).await.unwrap();
    let issuer = format!("{}/{}/v2.0", tenant.authority_url(), tenant.tenant_id());
    let identity = tenant.system_assigned_identity();
    let endpoint = tenant.platform_url().to_owned();
    let arguments = ["--no-app", "--federated", &issuer, &identity.principal_id];
    let registered = Registered::new(tenant, &arguments).await;
    let api = registered.serve(Component::Api, "", 0, &[("identity_endpoint", &endpoint)]).await;
    registered.expect_profile(&api).await;
    let requests = registered.tenant.requests();
    assert!(requests.iter().all(|request| request.service != Service::KeyVault), "{requests:?}");
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
