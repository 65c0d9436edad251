//! `cargo dev register`, with programs in place of the Azure CLI and of curl.

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
use emulated_tenant::{CertificateFormat, ClientCertificate, Person, Service, Tenant};
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

#[tokio::test]
async fn a_first_run_registers_everything_and_a_second_changes_nothing() {
    let scene = Scene::new().await;
    let vault = scene.tenant.vault_url().to_owned();
    let arguments = ["--vault", vault.as_str(), "--consent"];
    scene.run(&arguments).await.succeeds();
    let state = scene.state().await;
    let scope = &state["API"]["api"]["oauth2PermissionScopes"][0];
    // uuid5, with the namespace of Bicep's guid().
    assert_eq!(scope["id"], "a96277dd-b093-5310-b1c6-c1b1b226c2da");
    assert_eq!(state["API"]["identifierUris"], json!(["api://API"]));
    assert_eq!(state["API"]["api"]["requestedAccessTokenVersion"], 2);
    assert_eq!(state["API"]["api"]["knownClientApplications"], json!(["APP"]));
    let authorized = json!([{"appId": AZURE_CLI, "delegatedPermissionIds": [scope["id"]]}]);
    assert_eq!(state["API"]["api"]["preAuthorizedApplications"], authorized);
    assert_eq!(state["API"]["web"]["redirectUris"], json!(["http://localhost:3001/"]));
    let granted = json!([{"resourceId": "GRAPH", "scope": "User.Read", "consentType": "AllPrincipals"}]);
    assert_eq!(state["API"]["grants"], granted);
    let uris = json!(["http://localhost:3001/signin-callback", "http://localhost:3001/signed-out"]);
    assert_eq!(state["APP"]["web"]["redirectUris"], uris);
    assert_eq!(state["APP"]["requiredResourceAccess"][0]["resourceAppId"], "API");
    assert_eq!(state["APP"]["grants"].as_array().unwrap().len(), 2);
    assert_eq!((&state["API"]["count"], &state["APP"]["count"]), (&json!(1), &json!(1)));
    for (path, name) in [(API, "clientsecret"), (APP, "appclientsecret")] {
        assert_eq!(scene.authenticate(path, name).await.status, 200, "{name}");
    }
    assert_eq!(scene.vault_secret("sessionsecret").await.unwrap()["value"].as_str().unwrap().len(), 64);
    let files =
        || [scene.configuration("runtime-config.local.toml"), scene.configuration("app/runtime-config.local.toml")];
    let written = files();
    assert!(written[0].contains(&format!("client_id = \"{}\"", scene.client_id(API).await)), "{}", written[0]);
    assert!(written[1].contains(&format!("app_client_id = \"{}\"", scene.client_id(APP).await)), "{}", written[1]);
    assert!(written.iter().all(|text| text.contains(&format!("vault_url = \"{vault}\""))));

    scene.writes();
    let printed = scene.run(&arguments).await.succeeds();
    assert!(printed.contains("Nothing to change."), "{printed}");
    assert_eq!(scene.writes(), [""; 0]);
    assert_eq!((scene.state().await, files()), (state, written));
}

#[tokio::test]
async fn nothing_that_is_printed_or_written_has_a_secret() {
    let scene = Scene::new().await;
    let vault = scene.tenant.vault_url().to_owned();
    let mut printed = scene.run(&["--vault", &vault]).await.succeeds();
    printed += &scene.run(&["--vault", &vault, "--rotate"]).await.succeeds();
    printed += &scene.configuration("runtime-config.local.toml");
    printed += &scene.configuration("app/runtime-config.local.toml");
    for name in ["clientsecret", "appclientsecret", "sessionsecret"] {
        let secret = scene.vault_secret(name).await.unwrap();
        assert!(!printed.contains(secret["value"].as_str().unwrap()), "{name}");
    }
    assert!(!printed.contains(&scene.tenant.azure_cli_vault_token(scene.tenant.administrator())[..20]));
}

#[tokio::test]
async fn a_dry_run_sends_nothing_and_prints_what_a_run_sends() {
    let scene = Scene::new().await;
    let vault = scene.tenant.vault_url().to_owned();
    let requests = |printed: &str| {
        let is_request =
            |line: &&str| ["PATCH ", "POST ", "PUT ", "DELETE "].iter().any(|method| line.starts_with(method));
        let without_ids = |line: &str| {
            let id = line.find('<').map_or(line.len(), |at| at);
            line.get(..id).unwrap().to_owned()
        };
        printed.lines().filter(is_request).map(without_ids).collect::<Vec<_>>()
    };
    let arguments = ["--vault", vault.as_str(), "--consent"];
    let dry = scene.run(&[&arguments[..], &["--dry-run"]].concat()).await.succeeds();
    assert_eq!(scene.writes(), [""; 0]);
    assert!(!scene.path("configuration").exists());
    assert!(dry.contains("    + displayName: \"profile-get API\"\n"), "{dry}");
    assert!(dry.contains("Nothing was changed."), "{dry}");
    let real = scene.run(&arguments).await.succeeds();
    let (dry, real) = (requests(&dry), requests(&real));
    assert_eq!(dry.len(), real.len(), "{dry:#?}\n{real:#?}");
    for (dry, real) in dry.iter().zip(&real) {
        assert!(real.starts_with(dry.as_str()), "{dry}\n{real}");
    }
    assert_eq!(scene.writes().len(), real.len());
    // What differs from what is there.
    let changed = scene.run(&["--vault", &vault, "--app-url", "https://app.example", "--dry-run"]).await.succeeds();
    assert!(changed.contains("    + web.redirectUris: \"https://app.example/signin-callback\"\n"), "{changed}");
    assert!(changed.contains("- app_url = \"http://localhost:3001\""), "{changed}");
    assert_eq!(scene.writes(), [""; 0]);
}

#[tokio::test]
async fn a_run_that_was_interrupted_anywhere_is_continued_by_the_next() {
    let complete = Scene::new().await;
    let arguments = |scene: &Scene| ["--vault".to_owned(), scene.tenant.vault_url().to_owned(), "--consent".to_owned()];
    let run = async |scene: &Scene, tools: &Tools| {
        let arguments = arguments(scene);
        scene.run_with(tools, &arguments.each_ref().map(String::as_str)).await
    };
    run(&complete, &complete.tools).await.succeeds();
    let count = complete.writes().len();
    let expected = complete.state().await;
    assert!(count > 10, "{count}");
    let scene = complete;
    for at in 0..count {
        scene.reset().await;
        let outcome = run(&scene, &scene.interrupted(at)).await;
        assert!(outcome.error.contains("no response from http://127.0.0.1"), "{at}: {}", outcome.error);
        run(&scene, &scene.tools).await.succeeds();
        assert_eq!(scene.state().await, expected, "{at}");
        for (path, name) in [(API, "clientsecret"), (APP, "appclientsecret")] {
            assert_eq!(scene.authenticate(path, name).await.status, 200, "{at} {name}");
        }
        scene.writes();
        run(&scene, &scene.tools).await.succeeds();
        assert_eq!(scene.writes(), [""; 0], "{at}");
    }
}

#[tokio::test]
async fn half_finished_registrations_are_completed() {
    let scene = Scene::new().await;
    scene.run(&["--consent"]).await.succeeds();
    let expected = scene.state().await;
    let scope = &expected["API"]["api"]["oauth2PermissionScopes"][0];
    let named = |name: &str| json!({"displayName": format!("profile-get {name}")});
    let mut disabled = scope.clone();
    disabled["isEnabled"] = json!(false);
    for (what, of_api, of_app) in [
        ("only the API's name", named("API"), Value::Null),
        ("the app without the API", Value::Null, named("sign-in app")),
        ("both names", named("API"), named("sign-in app")),
        (
            "a disabled scope",
            json!({"displayName": "profile-get API", "api": {"oauth2PermissionScopes": [disabled]}}),
            Value::Null,
        ),
        (
            "tokens of version 1",
            json!({"displayName": "profile-get API", "api": {"requestedAccessTokenVersion": 1}}),
            Value::Null,
        ),
        (
            "one of two redirect URIs",
            Value::Null,
            json!({"displayName": "profile-get sign-in app", "web": {"redirectUris": ["http://localhost:3001/signin-callback"]}}),
        ),
    ] {
        scene.reset().await;
        for (path, body) in [(API, of_api), (APP, of_app)] {
            if !body.is_null() {
                assert_eq!(scene.graph().upsert(path, body).await.status, 201, "{what}");
            }
        }
        scene.run(&["--consent"]).await.succeeds();
        assert_eq!(scene.state().await, expected, "{what}");
        scene.writes();
        scene.run(&["--consent"]).await.succeeds();
        assert_eq!(scene.writes(), [""; 0], "{what}");
    }
}

#[tokio::test]
async fn what_others_added_stays() {
    let scene = Scene::new().await;
    let scope_id = "5f0b6d0e-6a0b-4a5c-8a53-3f0f5c5f0a01";
    let scope = |id: &str, value: &str| json!({"id": id, "value": value, "adminConsentDisplayName": "theirs", "adminConsentDescription": "theirs"});
    let theirs = json!({
        "displayName": "Their name",
        "tags": ["theirs"],
        "api": {"oauth2PermissionScopes": [scope(scope_id, "user_impersonation"), scope(GRAPH_ID, "Other")]},
        "optionalClaims": {"idToken": [{"name": "email"}], "accessToken": [{"name": "acct"}]},
        "web": {"redirectUris": ["https://theirs.example/"]},
    });
    assert_eq!(scene.graph().upsert(API, theirs).await.status, 201);
    scene.run(&["--client", GRAPH_ID]).await.succeeds();
    let api = scene.state().await["API"].clone();
    assert_eq!((&api["displayName"], &api["tags"]), (&json!("Their name"), &json!(["theirs"])));
    let scopes = &api["api"]["oauth2PermissionScopes"];
    assert_eq!((&scopes[0]["adminConsentDescription"], &scopes[1]["value"]), (&json!("theirs"), &json!("Other")));
    assert_eq!(scopes.as_array().unwrap().len(), 2);
    assert_eq!(api["optionalClaims"]["idToken"][0]["name"], "email");
    let names = api["optionalClaims"]["accessToken"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["acct", "xms_cc", "idtyp"]);
    assert_eq!(api["web"]["redirectUris"], json!(["https://theirs.example/", "http://localhost:3001/"]));
    let authorized = |client: &str| json!({"appId": client, "delegatedPermissionIds": [scope_id]});
    assert_eq!(api["api"]["preAuthorizedApplications"], json!([authorized(AZURE_CLI), authorized(GRAPH_ID)]));
}

#[tokio::test]
async fn new_objects_are_waited_for() {
    let scene = Scene::new().await;
    scene.tenant.set_replication_lag(2);
    let vault = scene.tenant.vault_url().to_owned();
    scene.run(&["--vault", &vault, "--consent"]).await.succeeds();
    scene.tenant.set_replication_lag(0);
    for _ in 0..2 {
        scene.state().await;
    }
    let other = Scene::new().await;
    let vault = other.tenant.vault_url().to_owned();
    other.run(&["--vault", &vault, "--consent"]).await.succeeds();
    assert_eq!(scene.state().await, other.state().await);
    // Not for ever.
    let slow = Scene::new().await;
    slow.tenant.set_replication_lag(1000);
    let outcome = slow.run(&["--wait", "1"]).await;
    assert!(outcome.error.contains("run the command again; it continues where it stopped"), "{}", outcome.error);
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let scene = Scene::new().await;
    let ada = scene.signed_in(scene.tenant.person("ada").unwrap());
    let vault = scene.tenant.vault_url().to_owned();
    // Members may register, but not consent for everyone.
    let outcome = scene.run_with(&ada, &["--consent"]).await;
    assert!(outcome.error.contains("Cloud Application Administrator"), "{}", outcome.error);
    assert!(outcome.error.contains("403 Authorization_RequestDenied"), "{}", outcome.error);
    assert!(outcome.error.starts_with("requests sent before: "), "{}", outcome.error);
    let printed = scene.run_with(&ada, &[]).await.succeeds();
    assert!(printed.contains(&format!("/{}/v2.0/adminconsent?client_id=", scene.tenant.tenant_id())), "{printed}");
    let outcome = scene.run_with(&ada, &["--vault", &vault, "--wait", "0"]).await;
    assert!(outcome.error.contains("Key Vault Secrets Officer"), "{}", outcome.error);
    // Another person's application.
    let theirs = Scene::new().await;
    theirs.run(&[]).await.succeeds();
    let ada = theirs.signed_in(theirs.tenant.person("ada").unwrap());
    let outcome = theirs.run_with(&ada, &["--app-url", "https://app.example"]).await;
    assert!(outcome.error.contains("become one of its owners"), "{}", outcome.error);
    for (az, curl, expected) in [
        ("no-such-program", "curl", "install the Azure CLI"),
        ("false", "curl", "`az cloud show` failed"),
        ("az", "no-such-program", "install curl"),
    ] {
        let az = if az == "az" { scene.tools.az.clone() } else { az.into() };
        let outcome = scene.run_with(&Tools { az, curl: curl.into() }, &[]).await;
        assert!(outcome.error.contains(expected), "{}", outcome.error);
    }
    scene.tenant.set_vault_secret("clientsecret", "disabled");
    scene.tenant.disable_vault_secret("clientsecret");
    let outcome = scene.run(&["--vault", &vault, "--wait", "1000"]).await;
    assert!(outcome.error.contains("the secret is disabled"), "{}", outcome.error);
    let outcome = scene.run(&["--tenant", "elsewhere.example"]).await;
    assert!(
        outcome.error.contains("az login --allow-no-subscriptions --tenant elsewhere.example"),
        "{}",
        outcome.error
    );
    let outcome = scene.run(&["--vault", "https://other.example"]).await;
    assert!(outcome.error.contains("is not a vault of this cloud"), "{}", outcome.error);
}

#[tokio::test]
async fn secrets_are_replaced_on_request_or_when_they_no_longer_work() {
    let scene = Scene::new().await;
    let vault = scene.tenant.vault_url().to_owned();
    let run = async |more: &[&str]| scene.run(&[&["--vault", vault.as_str(), "--no-app"], more].concat()).await;
    run(&[]).await.succeeds();
    let first = scene.vault_secret("clientsecret").await.unwrap();
    assert_eq!(first["tags"]["client-id"], scene.client_id(API).await.as_str());
    let keys = async || {
        let secrets = scene.graph().get(API).await.json()["passwordCredentials"].clone();
        secrets.as_array().unwrap().iter().map(|it| it["keyId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys().await, [first["tags"]["key-id"].as_str().unwrap()]);

    let printed = run(&["--rotate"]).await.succeeds();
    assert!(printed.contains("for up to ten minutes"), "{printed}");
    let second = scene.vault_secret("clientsecret").await.unwrap();
    assert_ne!(first["value"], second["value"]);
    // Instances still use the former one.
    scene.writes();
    let printed = run(&[]).await.succeeds();
    assert!(printed.contains("less than ten minutes ago"), "{printed}");
    assert_eq!((scene.writes(), keys().await.len()), (Vec::new(), 2));
    assert_eq!(scene.authenticate(API, "clientsecret").await.status, 200);

    // Ten minutes later they do not.
    scene.tenant.age_vault_secret("clientsecret", 601);
    run(&[]).await.succeeds();
    assert_eq!(keys().await, [second["tags"]["key-id"].as_str().unwrap()]);
    assert_eq!(scene.authenticate(API, "clientsecret").await.status, 200);
    scene.writes();
    run(&[]).await.succeeds();
    assert_eq!(scene.writes(), [""; 0]);

    // Someone removed the one in the vault.
    let object_id = scene.graph().get(API).await.json()["id"].as_str().unwrap().to_owned();
    let body = json!({"keyId": second["tags"]["key-id"]});
    assert_eq!(scene.graph().post(&format!("applications/{object_id}/removePassword"), body).await.status, 204);
    run(&[]).await.succeeds();
    assert_eq!(scene.authenticate(API, "clientsecret").await.status, 200);

    // It belongs to another registration, or to nobody known.
    let outcome = run(&["--name", "other"]).await;
    assert!(outcome.error.contains("choose another vault, or replace it with --rotate"), "{}", outcome.error);
    scene.tenant.set_vault_secret("clientsecret", "theirs");
    let printed = run(&[]).await.succeeds();
    assert!(printed.contains("was not written by this command"), "{printed}");
    assert_eq!(scene.vault_secret("clientsecret").await.unwrap()["value"], "theirs");
}

#[tokio::test]
async fn a_certificate_or_a_federated_credential_can_take_the_place_of_a_secret() {
    let scene = Scene::new().await;
    let certificate = ClientCertificate::generate().unwrap();
    let file = scene.path("certificate.pem");
    fs::write(&file, &certificate.certificate_pem).unwrap();
    let file = file.display().to_string();
    let issuer = scene.tenant.cluster_issuer().to_owned();
    let subject = "system:serviceaccount:default:profile-get";
    let vault = scene.tenant.vault_url().to_owned();
    let in_vault = ClientCertificate::generate().unwrap();
    for (arguments, certificates, federated) in [
        (vec!["--certificate", &file], 1, 0),
        (vec!["--federated", &issuer, subject], 1, 1),
        (vec!["--vault", &vault], 2, 1),
    ] {
        if arguments[0] == "--vault" {
            scene.tenant.set_vault_certificate("clientsecret", &*in_vault.bundle_pem, CertificateFormat::Pem);
        }
        scene.run(&[&["--no-app"], &arguments[..]].concat()).await.succeeds();
        let api = scene.graph().get(API).await.json();
        assert_eq!(api["keyCredentials"].as_array().unwrap().len(), certificates, "{arguments:?}");
        assert_eq!(api["passwordCredentials"], json!([]), "{arguments:?}");
        let path = format!("applications/{}/federatedIdentityCredentials", api["id"].as_str().unwrap());
        let trusts = scene.graph().get(&path).await.json()["value"].as_array().unwrap().clone();
        assert_eq!(trusts.len(), federated, "{arguments:?}");
        assert!(
            trusts
                .iter()
                .all(|it| it["audiences"] == json!(["api://AzureADTokenExchange"]) && it["subject"] == subject)
        );
        scene.writes();
        scene.run(&[&["--no-app", "--overwrite"], &arguments[..]].concat()).await.succeeds();
        assert_eq!(scene.writes(), [""; 0], "{arguments:?}");
        let configuration = scene.configuration("runtime-config.local.toml");
        let expected = if arguments[0] == "--federated" { "token_file" } else { "clientsecret" };
        assert!(configuration.contains(&format!("client_credential = \"{expected}\"")), "{configuration}");
        assert_eq!(configuration.contains(&format!("\nvault_url = \"{vault}\"")), arguments[0] == "--vault");
    }
    scene.tenant.set_vault_certificate("clientsecret", "MII", CertificateFormat::Pkcs12);
    let outcome = scene.run(&["--no-app", "--vault", &vault]).await;
    assert!(outcome.error.contains("application/x-pem-file"), "{}", outcome.error);
    let outcome = scene.run(&["--no-app", "--certificate", "/nowhere.pem"]).await;
    assert!(outcome.error.contains("cannot read /nowhere.pem"), "{}", outcome.error);
}

#[tokio::test]
async fn deletion_undoes_a_registration_and_can_be_repeated() {
    let scene = Scene::new().await;
    let vault = scene.tenant.vault_url().to_owned();
    let arguments = ["--vault", vault.as_str(), "--consent"];
    let delete = ["--vault", vault.as_str(), "--delete"];
    scene.run(&arguments).await.succeeds();
    let first = scene.state().await;
    scene.writes();
    let dry = scene.run(&[&delete[..], &["--dry-run"]].concat()).await.succeeds();
    assert_eq!((scene.writes(), scene.state().await), (Vec::new(), first.clone()));
    let printed = scene.run(&delete).await.succeeds();
    assert_eq!(
        dry.lines().filter(|line| line.starts_with("DELETE ")).count(),
        scene.writes().len(),
        "{dry}\n{printed}"
    );
    for path in [API, APP] {
        assert_eq!(scene.graph().get(path).await.status, 404);
    }
    for name in ["clientsecret", "appclientsecret", "sessionsecret"] {
        assert!(scene.vault_secret(name).await.is_none(), "{name}");
    }
    let printed = scene.run(&delete).await.succeeds();
    assert!(printed.contains("Nothing to change."), "{printed}");
    assert_eq!(scene.writes(), [""; 0]);
    // And registered once more, though the vault keeps deleted secrets.
    scene.run(&[&arguments[..], &["--overwrite"]].concat()).await.succeeds();
    assert_eq!(scene.state().await, first);
    for (path, name) in [(API, "clientsecret"), (APP, "appclientsecret")] {
        assert_eq!(scene.authenticate(path, name).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn a_deletion_that_was_interrupted_anywhere_is_continued_by_the_next() {
    let complete = Scene::new().await;
    complete.run(&["--vault", complete.tenant.vault_url()]).await.succeeds();
    complete.writes();
    complete.run(&["--vault", complete.tenant.vault_url(), "--delete"]).await.succeeds();
    let count = complete.writes().len();
    let scene = complete;
    let vault = scene.tenant.vault_url().to_owned();
    for at in 0..count {
        scene.reset().await;
        scene.run(&["--vault", &vault]).await.succeeds();
        let delete = ["--vault", vault.as_str(), "--delete"];
        // What remains among the deleted ones is reported, and no error.
        scene.run_with(&scene.interrupted(at), &delete).await;
        scene.run(&delete).await.succeeds();
        let deleted = scene.graph().get("directory/deletedItems/microsoft.graph.application").await.json();
        assert_eq!(deleted["value"], json!([]), "{at}");
        for name in ["clientsecret", "appclientsecret", "sessionsecret"] {
            assert!(scene.vault_secret(name).await.is_none(), "{at} {name}");
        }
        scene.writes();
        scene.run(&delete).await.succeeds();
        assert_eq!(scene.writes(), [""; 0], "{at}");
    }
}

#[tokio::test]
async fn an_application_that_was_deleted_elsewhere_is_restored() {
    let scene = Scene::new().await;
    scene.run(&[]).await.succeeds();
    let first = scene.state().await;
    let client_id = scene.client_id(API).await;
    let object_id = scene.graph().get(API).await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(scene.graph().delete(&format!("applications/{object_id}")).await.status, 204);
    scene.run(&[]).await.succeeds();
    assert_eq!((scene.client_id(API).await, scene.state().await), (client_id, first));
}

#[tokio::test]
async fn files_that_say_something_else_are_not_overwritten_silently() {
    let scene = Scene::new().await;
    scene.run(&["--no-app"]).await.succeeds();
    let file = scene.path("configuration").join("runtime-config.local.toml");
    let own = scene
        .configuration("runtime-config.local.toml")
        .replace("required_scope = \"user_impersonation\"", "required_scope = \"theirs\"");
    let theirs = own.replace(scene.tenant.tenant_id(), "organizations");
    assert!(theirs != own && own.contains("theirs"));
    fs::write(&file, &theirs).unwrap();
    let printed = scene.run(&["--no-app"]).await.succeeds();
    assert!(
        printed.contains("stays as it is without --overwrite") && printed.contains("- tenant_id = \"organizations\""),
        "{printed}"
    );
    assert_eq!(scene.configuration("runtime-config.local.toml"), theirs);
    scene.run(&["--no-app", "--overwrite"]).await.succeeds();
    assert_eq!(scene.configuration("runtime-config.local.toml"), own);
    let printed = scene.run(&["--no-app", "--print"]).await.succeeds();
    assert!(
        printed.contains(&format!("tenant_id = \"{}\"", scene.tenant.tenant_id())) && !printed.contains("PATCH"),
        "{printed}"
    );
}
