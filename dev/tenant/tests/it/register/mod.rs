//! `cargo dev register`, with programs in place of the Azure CLI and of curl.

mod applications;
mod configuration;
mod credentials;
mod deletion;

use std::{
    ffi::OsString,
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command as Process, Stdio},
};

use cargo_dev::{
    commands::{Arguments, Command},
    progress::Progress,
    registration::Tools,
};
use clap::Parser as _;
use emulated_tenant::{Person, Service, Tenant};
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    client::{Response, post_form, start, token_url, try_send},
    registration::Graph,
};

const GRAPH_ID: &str = "00000003-0000-0000-c000-000000000000";
const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
const API: &str = "applications(uniqueName='profile-get-api')";
const APP: &str = "applications(uniqueName='profile-get-app')";

/// A tenant in which nothing is registered, and the programs that the command runs.
struct Scene {
    tenant: Tenant,
    folder: TempDir,
    tools: Tools,
}

/// What a run printed, and its error.
struct Outcome {
    printed: String,
    error: String,
}

impl Scene {
    async fn new() -> Self {
        let tenant = start().await;
        for name in ["clientsecret", "appclientsecret"] {
            tenant.remove_vault_secret(name);
        }
        let folder = TempDir::new().unwrap();
        let mut scene = Self { tenant, folder, tools: Tools { curl: "curl".into(), ..Tools::default() } };
        scene.tools = scene.signed_in(scene.tenant.administrator());
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The tools after `az login` of this person.
    fn signed_in(&self, person: &Person) -> Tools {
        let name = format!("az-{}", person.name);
        Tools { az: self.program(&name, &self.tenant.azure_cli_program(person)), ..self.tools.clone() }
    }

    /// Another process writes it: this one could pass the open file on to programs that it starts at the same time, and a
    /// file that is open for writing cannot be run.
    fn program(&self, name: &str, text: &str) -> OsString {
        let path = self.path(name);
        let write = format!("cat > '{0}' && chmod 755 '{0}'", path.display());
        let mut shell = Process::new("sh").args(["-c", &write]).stdin(Stdio::piped()).spawn().unwrap();
        shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success());
        path.into()
    }

    /// The tools with a curl that loses the response to the write request with this number, counted from 0.
    fn interrupted(&self, at: usize) -> Tools {
        fs::write(self.path("count"), at.to_string()).unwrap();
        let count = self.path("count").display().to_string();
        let curl = format!(
            "#!/bin/sh\nconfig=$(cat)\ncase $config in\n*'request = \"GET\"'*) ;;\n*) left=$(cat '{count}')\n\
             echo $((left - 1)) > '{count}'\nif [ \"$left\" -eq 0 ]; then\n\
             printf '%s' \"$config\" | curl \"$@\" >/dev/null; exit 56; fi ;;\nesac\n\
             printf '%s' \"$config\" | curl \"$@\"\n"
        );
        Tools { curl: self.program("curl", &curl), ..self.tools.clone() }
    }

    async fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with(&self.tools, arguments).await
    }

    async fn run_with(&self, tools: &Tools, arguments: &[&str]) -> Outcome {
        let output = self.path("configuration").display().to_string();
        let all = ["cargo dev", "register", "--output", &output];
        // The default is for people.
        let wait: &[&str] = if arguments.contains(&"--wait") { &[] } else { &["--wait", "20"] };
        let parsed = Arguments::try_parse_from(all.iter().chain(wait).chain(arguments)).unwrap();
        let Command::Register(register) = parsed.command else { panic!("another command") };
        let mut printed = Vec::new();
        let outcome = register.run_with(tools, &mut printed, Progress::default()).await;
        let error = outcome.err().map(|error| format!("{error:#}")).unwrap_or_default();
        Outcome { printed: String::from_utf8(printed).unwrap(), error }
    }

    /// The requests since the last call that would change something, as far as they were answered.
    fn writes(&self) -> Vec<String> {
        let requests = self.tenant.take_requests();
        let writes =
            requests.iter().filter(|it| it.method != "GET" && matches!(it.service, Service::Graph | Service::KeyVault));
        writes.map(|request| format!("{} {}", request.method, request.path())).collect()
    }

    fn graph(&self) -> Graph<'_> {
        Graph::of_administrator(&self.tenant)
    }

    /// Everything that was registered, without what differs from tenant to tenant.
    async fn state(&self) -> Value {
        let graph = self.graph();
        let mut state = json!({});
        let mut ids = Vec::new();
        for (path, label) in [(API, "API"), (APP, "APP")] {
            let mut properties = graph.get(path).await.json();
            for name in ["id", "createdDateTime", "passwordCredentials", "@odata.context"] {
                properties.as_object_mut().unwrap().remove(name);
            }
            let client_id = properties["appId"].as_str().unwrap_or_default().to_owned();
            let all = graph.get("applications").await.json()["value"].clone();
            let same = |it: &&Value| it["uniqueName"] == properties["uniqueName"];
            properties["count"] = all.as_array().unwrap().iter().filter(same).count().into();
            let principal = graph.get(&format!("servicePrincipals(appId='{client_id}')")).await.json();
            let principal = principal["id"].as_str().unwrap_or_default().to_owned();
            let grants = graph.get(&format!("oauth2PermissionGrants?$filter=clientId%20eq%20'{principal}'")).await;
            let grants = grants.json()["value"].as_array().unwrap().iter().map(|it| {
                json!({"resourceId": it["resourceId"], "scope": it["scope"], "consentType": it["consentType"]})
            }).collect::<Vec<_>>();
            properties["grants"] = grants.into();
            state[label] = properties;
            ids.extend([(client_id, label), (principal, label)]);
        }
        let microsofts = graph.get(&format!("servicePrincipals(appId='{GRAPH_ID}')")).await.json();
        ids.push((microsofts["id"].as_str().unwrap().to_owned(), "GRAPH"));
        let mut text = state.to_string();
        for (id, label) in ids.iter().filter(|(id, _)| !id.is_empty()) {
            text = text.replace(id.as_str(), label);
        }
        serde_json::from_str(&text).unwrap()
    }

    async fn client_id(&self, path: &str) -> String {
        self.graph().get(path).await.json()["appId"].as_str().unwrap().to_owned()
    }

    /// What the vault has under this name.
    async fn vault_secret(&self, name: &str) -> Option<Value> {
        let token = format!("Bearer {}", self.tenant.azure_cli_vault_token(self.tenant.administrator()));
        let url = format!("{}/secrets/{name}?api-version=7.4", self.tenant.vault_url());
        let response = crate::client::get(&url, &[("authorization", &token)]).await;
        (response.status == 200).then(|| response.json())
    }

    /// Entra's answer to an application that proves itself with what the vault has under this name.
    async fn authenticate(&self, path: &str, name: &str) -> Response {
        let secret = self.vault_secret(name).await.unwrap();
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.client_id(path).await),
            ("client_secret", secret["value"].as_str().unwrap()),
            ("scope", "https://vault.azure.net/.default"),
        ];
        post_form(&token_url(&self.tenant), &[], &fields).await
    }

    /// As at the start, which a new tenant takes a second for.
    async fn reset(&self) {
        self.run(&["--vault", self.tenant.vault_url(), "--delete"]).await.succeeds();
        let token = format!("Bearer {}", self.tenant.azure_cli_vault_token(self.tenant.administrator()));
        for name in ["clientsecret", "appclientsecret", "sessionsecret"] {
            let url = format!("{}/deletedsecrets/{name}?api-version=7.4", self.tenant.vault_url());
            let purged = try_send(Method::DELETE, &url, &[("authorization", &token)], "").await.unwrap();
            assert!([204, 404].contains(&purged.status.as_u16()), "{name}");
        }
        let _ = fs::remove_dir_all(self.path("configuration"));
        self.writes();
    }

    fn configuration(&self, name: &str) -> String {
        fs::read_to_string(self.path("configuration").join(name)).unwrap()
    }
}

impl Outcome {
    #[track_caller]
    fn succeeds(self) -> String {
        assert_eq!(self.error, "", "{}", self.printed);
        self.printed
    }
}
