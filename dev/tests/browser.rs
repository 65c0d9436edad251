//! The sign-in app in a real browser: both components as WebAssembly, against the emulated tenant.
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
    application::{Application, ApplicationOptions, Runner},
    sign_in_app::{SignInApp, SignInAppOptions},
    workspace,
};
use serde_json::json;

/// The programs under which Chromium is known.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

const FILES: [&str; 4] = ["package.json", "package-lock.json", "browser.mjs", "app.test.mjs"];

#[tokio::test]
async fn everybody_signs_in() {
    let Some(browser) = BROWSERS.into_iter().find_map(program) else {
        return skip("Chromium is not installed");
    };
    let Some(folder) = install() else { return };
    let runner = Runner::from_environment().unwrap();
    let component_variables = BTreeMap::from([("server_timing".to_owned(), "on".to_owned())]);
    let options = ApplicationOptions { runner, component_variables, ..ApplicationOptions::default() };
    let api = Application::start(options).await.unwrap();
    let options = SignInAppOptions { runner, ..SignInAppOptions::default() };
    let app = SignInApp::start(&api, options.clone()).await.unwrap();
    let unreachable_api = Some(format!("http://127.0.0.1:{}", free_port()));
    let without_api = SignInAppOptions { api_url: unreachable_api, ..options.clone() };
    let without_api = SignInApp::start(&api, without_api).await.unwrap();
    // The same page at another name, of which Entra knows nothing.
    let unregistered = SignInAppOptions { host_name: "127.0.0.1", registered: false, ..options };
    let unregistered = SignInApp::start(&api, unregistered).await.unwrap();

    let application = json!({
        "appUrl": app.url(),
        "unreachableApiAppUrl": without_api.url(),
        "unregisteredAppUrl": unregistered.url(),
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
    let log = app.log_lines().join("\n");
    assert!(
        output.status.success(),
        "{}{}\nThe app's log:\n{log}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!log.contains("eyJ") && !log.contains(&api.tenant.web_client().client_secret), "a secret is in:\n{log}");
}

/// A port at which nothing listens.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// The people of the app's own directory.
fn members(tenant: &Tenant) -> Vec<&str> {
    let members = tenant.people().iter().filter(|person| person.tenant_id == tenant.tenant_id());
    members.map(|person| person.name.as_str()).collect()
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
