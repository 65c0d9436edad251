//! The sign-in app in a real browser: both components as WebAssembly in the embedded host, against the emulated tenant.
//!
//! The browser's part is `dev/browser`, run by Node; its packages are installed below the target directory when they are
//! first needed. Where Node or Chromium is missing the test is skipped and says so. With a folder in `SCREENSHOTS`, every
//! page that is looked at is kept there as an image.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers, which clippy does not know as tests"
)]

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Write as _},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
};

use emulated_tenant::Tenant;
use profile_get_dev::{
    application::{Application, ApplicationOptions},
    host::{HostOptions, InstanceReuse, LogSink, RunningHost},
    progress::Progress,
    toolchain::{TARGET, WasmToolchain},
    workspace,
};
use serde_json::json;

/// The programs under which Chromium is known.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

const FILES: [&str; 4] = ["package.json", "package-lock.json", "browser.mjs", "app.test.mjs"];

/// What an app's cookies are sealed with in these tests.
const SESSION_SECRET: &str = "for these tests alone, forty characters!";

#[tokio::test]
async fn everybody_signs_in() {
    let Some(browser) = BROWSERS.into_iter().find_map(program) else {
        return skip("Chromium is not installed");
    };
    let Some(folder) = install() else { return };
    build_app().await;

    let variables = BTreeMap::from([("server_timing".to_owned(), "on".to_owned())]);
    let api = Application::start(ApplicationOptions { variables, ..ApplicationOptions::default() }).await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let app = App::start(&api, "localhost", api.url(), state.path()).await;
    let web_client = api.tenant.web_client().client_id;
    for path in ["signin-callback", "signed-out"] {
        api.tenant.register_redirect_uri(&web_client, &format!("{}/{path}", app.url)).unwrap();
    }
    let unreachable_api = format!("http://127.0.0.1:{}", free_port());
    let without_api = App::start(&api, "localhost", &unreachable_api, state.path()).await;
    // The same page at another name, of which Entra knows nothing.
    let unregistered = App::start(&api, "127.0.0.1", api.url(), state.path()).await;

    let application = json!({
        "appUrl": app.url,
        "unreachableApiAppUrl": without_api.url,
        "unregisteredAppUrl": unregistered.url,
        "authorityUrl": api.tenant.authority_url(),
        "people": members(&api.tenant),
    });
    let mut tests = Command::new("node");
    tests
        .args(["--test", "--test-reporter=spec", "app.test.mjs"])
        .current_dir(folder)
        .env("APPLICATION", application.to_string())
        .env("CHROMIUM", browser);
    let output = tokio::task::spawn_blocking(move || tests.output()).await.unwrap().unwrap();
    let log = app.host.logs().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(
        output.status.success(),
        "{}{}\nThe app's log:\n{log}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!log.contains("eyJ") && !log.contains(&api.tenant.web_client().client_secret), "a secret is in:\n{log}");
}

/// A served app.
struct App {
    url: String,
    host: RunningHost,
}

impl App {
    /// Serves the app under a name of this machine's, calling the API at `api_url`.
    async fn start(api: &Application, name: &str, api_url: &str, state: &Path) -> Self {
        let port = free_port();
        let url = format!("http://{name}:{port}");
        let web_client = api.tenant.web_client();
        let variables = BTreeMap::from(
            [
                ("tenant_id", api.tenant.tenant_id()),
                ("app_client_id", &web_client.client_id),
                ("appclientsecret", &web_client.client_secret),
                ("sessionsecret", SESSION_SECRET),
                ("api_client_id", api.tenant.client_id()),
                ("api_url", api_url),
                ("app_url", &url),
                ("authority_host", api.tenant.authority_url()),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let host = RunningHost::start(HostOptions {
            manifest: workspace::root().join("app/spin.toml"),
            runtime_config: None,
            listen: (Ipv4Addr::LOCALHOST, port).into(),
            environment: BTreeMap::new(),
            variables,
            log: LogSink::Collect,
            reuse: InstanceReuse::default(),
            state_dir: state.join(port.to_string()),
        })
        .await
        .unwrap();
        Self { url, host }
    }
}

/// The app's address stands in its settings, so its port is chosen before it listens.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// The people of the app's own directory.
fn members(tenant: &Tenant) -> Vec<&str> {
    let members = tenant.people().iter().filter(|person| person.tenant_id == tenant.tenant_id());
    members.map(|person| person.name.as_str()).collect()
}

/// Builds the app's component where `app/spin.toml` looks for it.
async fn build_app() {
    let toolchain = WasmToolchain::provide(Progress::default()).await.unwrap();
    let mut cargo = toolchain.cargo("build").unwrap();
    cargo.args(["--release", "--quiet", "--package", "profile-app"]).env("CARGO_TARGET_DIR", workspace::target());
    let output = cargo.output().await.unwrap();
    assert!(
        output.status.success(),
        "the app does not build for {TARGET}:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The folder where the browser's part stands ready. `None` when it is to be skipped.
fn install() -> Option<PathBuf> {
    let source = workspace::root().join("dev/browser");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    fs::create_dir_all(&folder).unwrap();
    for file in FILES {
        fs::copy(source.join(file), folder.join(file)).unwrap();
    }
    if program("node").is_none() || program("npm").is_none() {
        skip("Node and npm are not installed");
        return None;
    }
    let stamp = folder.join("installed");
    let pinned = fs::read_to_string(folder.join("package-lock.json")).unwrap();
    if fs::read_to_string(&stamp).ok().as_ref() != Some(&pinned) {
        let npm = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .output();
        let npm = npm.unwrap();
        if !npm.status.success() {
            let problem = format!("its packages cannot be installed:\n{}", String::from_utf8_lossy(&npm.stderr));
            // Where the registries are known to be reachable, a failure is one of ours.
            assert!(env::var_os("CI").is_none(), "{problem}");
            skip(&problem);
            return None;
        }
        fs::write(stamp, pinned).unwrap();
    }
    Some(folder)
}

/// The file of a program on `PATH`.
fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Says so past the test runner, which keeps what a passing test prints to itself.
fn skip(reason: &str) {
    io::stderr().write_all(format!("SKIPPED everybody_signs_in: {reason}\n").as_bytes()).unwrap();
}
