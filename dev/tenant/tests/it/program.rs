//! The emulated tenant as a program.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use emulated_tenant::Setup;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Empty};
use serde_json::{Value, json};

use crate::{
    client::{JWT_BEARER, get_with_token, graph_token, post_form, try_send},
    wire::trusting,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_emulated-tenant");
const FREE_PORTS: [&str; 10] =
    ["--entra-port", "0", "--graph-port", "0", "--vault-port", "0", "--platform-port", "0", "--admin-port", "0"];
const API: &str = "1d4c9c5e-0b5e-4b7f-9a0a-5f2d7c1e8b03";

/// A running program, which a failed test kills.
struct Program {
    process: Child,
    environment: Value,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(FREE_PORTS).arg("--json").args(arguments).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, environment: serde_json::from_str(&line).unwrap() }
    }

    fn value(&self, name: &str) -> &str {
        self.environment[name].as_str().unwrap()
    }

    /// Ends it as a terminal or a container does.
    fn stop(&mut self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success(), "{signal}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The output of a program that ends by itself.
fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

/// A new folder for one test.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test]
async fn it_serves_what_its_file_says_and_obeys_the_administration() {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/example.toml");
    let mut program = Program::start(&["--config", config]);
    let authority = program.value("authority_url").to_owned();
    let mint = [("person", "erin"), ("resource", "api://orders")];
    let minted = post_form(&format!("{authority}/emulator/token"), &[], &mint).await.json();
    let exchange = [
        ("grant_type", JWT_BEARER),
        ("requested_token_use", "on_behalf_of"),
        ("client_id", API),
        ("client_secret", "an-invented-secret"),
        ("assertion", minted["access_token"].as_str().unwrap()),
        ("scope", "https://graph.microsoft.com/User.Read"),
    ];
    let token_url = format!("{authority}/contoso.example/oauth2/v2.0/token");
    let graph_token = graph_token(&post_form(&token_url, &[], &exchange).await);
    let profile = get_with_token(&format!("{}/v1.0/me", program.value("graph_url")), &graph_token).await.json();
    assert_eq!(profile["jobTitle"], "Accountant");

    let url = format!("{}/people/erin", program.value("admin_url"));
    let json_body = ("content-type", "application/json");
    let change = json!({"exchange": "blocked"}).to_string();
    assert_eq!(try_send(Method::PATCH, &url, &[json_body], &change).await.unwrap().status, 200);
    post_form(&token_url, &[], &exchange).await.expect_failure(400, "invalid_grant", 53003);
    program.stop("-TERM");
}

#[tokio::test]
async fn it_speaks_tls_under_the_authority_that_it_writes() {
    let path = folder("program").join("authority.pem");
    let path = path.to_str().unwrap();
    let mut program = Program::start(&["--https", "--authority", path]);
    let pem = std::fs::read_to_string(path).unwrap();
    assert_eq!(program.value("authority_pem"), pem);
    let url = format!("{}/common/discovery/keys", program.value("authority_url"));
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let response = trusting(&pem, true).request(Request::get(url).body(Empty::new()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(serde_json::from_slice::<Value>(&body).unwrap()["keys"].is_array());
    program.stop("-INT");
}

/// As `README.md` uses it after `cargo dev register`.
#[tokio::test]
async fn it_stands_in_for_the_azure_cli() {
    let path = folder("program").join("az");
    let mut program = Program::start(&["--az", path.to_str().unwrap()]);
    let az = |arguments: &[&str]| {
        let output = Command::new(&path).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let cloud = az(&["cloud", "show", "--output", "json"]);
    assert_eq!(cloud["endpoints"]["activeDirectory"], program.value("authority_url"));
    let token = az(&["account", "get-access-token", "--resource-type", "ms-graph"]);
    assert_eq!(token["tenant"], program.value("tenant_id"));
    let elsewhere = ["account", "get-access-token", "--resource-type", "ms-graph", "--tenant", "elsewhere.example"];
    assert!(!Command::new(&path).args(elsewhere).output().unwrap().status.success());
    let printed = |line: &str| {
        let output = Command::new(&path).args(line.split(' ')).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    };
    assert!(printed("login --allow-no-subscriptions").contains(program.value("tenant_id")));
    let applications = program.environment["applications"].as_array().unwrap();
    let api = applications.iter().find(|application| !application["scopes"].as_array().unwrap().is_empty()).unwrap();
    let id = api["client_id"].as_str().unwrap();
    let secret = printed(&format!("ad app credential reset --append --id {id} --query password -o tsv"));
    let scope = format!("--scope api://{id}/user_impersonation --query accessToken --output tsv");
    let exchange = [
        ("grant_type", JWT_BEARER),
        ("requested_token_use", "on_behalf_of"),
        ("client_id", id),
        ("client_secret", &secret),
        ("assertion", &printed(&format!("account get-access-token {scope}"))),
        ("scope", "https://graph.microsoft.com/User.Read"),
    ];
    let token_url = format!("{}/{}/oauth2/v2.0/token", program.value("authority_url"), program.value("tenant_id"));
    graph_token(&post_form(&token_url, &[], &exchange).await);
    for (line, words) in [
        ("ad user list", "does not know: az ad user list"),
        ("ad app credential reset --append --id 0", "Request_ResourceNotFound"),
        ("account get-access-token --scope api://nobody/x", "api://nobody"),
    ] {
        let output = Command::new(&path).args(line.split(' ')).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(words), "{line}: {text}");
    }
    program.stop("-TERM");
}

#[test]
fn its_example_is_a_configuration() {
    let output = run(&["--example"]);
    assert!(output.status.success());
    assert!(Setup::from_toml(&String::from_utf8(output.stdout).unwrap()).is_ok());
}

#[test]
fn errors_say_what_to_do() {
    let path = folder("program").join("bad.toml");
    std::fs::write(&path, "domain = \"contoso.example\"\n\n[[person]]\nname = \"erin\"\nsurname = \"Blum\"\n").unwrap();
    let path = path.to_str().unwrap();
    let program = Program::start(&[]);
    let port = program.value("admin_url").rsplit(':').next().unwrap().to_owned();
    let mut taken = FREE_PORTS.to_vec();
    taken[9] = &port;
    for (arguments, expected) in [
        (&["--config", path][..], format!("error: {path}: line 3: missing field `given_name`\n")),
        (&["--config", "/nowhere.toml"], "error: cannot read /nowhere.toml: ".to_owned()),
        (&taken, format!("error: cannot listen on port {port} for the administration; stop the program that uses it")),
        (&["--authority", "a.pem"], "error: the following required arguments were not provided:\n  --https".to_owned()),
    ] {
        let output = run(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.starts_with(&expected), "{text}\n{expected}");
    }
}
