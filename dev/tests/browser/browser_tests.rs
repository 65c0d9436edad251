//! Runs the browser's part of a test in Node. Its packages are installed in the target directory when first needed.

use std::{
    env, fs,
    io::{self, Write as _},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use cargo_dev::workspace;
use serde_json::Value;

/// The names of Chromium's program.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

const FILES: [&str; 8] = [
    "package.json",
    "package-lock.json",
    "browser.mjs",
    "app.test.mjs",
    "single_page.test.mjs",
    "single_page_server.mjs",
    "single_page/index.html",
    "single_page/single_page.js",
];

/// Prepared once for all tests of the process, or the reason to skip them.
static READY: LazyLock<Result<BrowserTests, String>> = LazyLock::new(BrowserTests::prepare);

/// Node's tests, ready to run.
pub(crate) struct BrowserTests {
    browser: PathBuf,
    folder: PathBuf,
}

impl BrowserTests {
    /// `None` if the test called `name` is to be skipped. The reason is printed directly to standard error, because the
    /// test runner hides the output of passing tests.
    pub(crate) fn ready(name: &str) -> Option<&'static Self> {
        let skip = |reason: &String| {
            io::stderr().write_all(format!("SKIPPED {name}: {reason}\n").as_bytes()).unwrap();
        };
        READY.as_ref().inspect_err(|reason| skip(reason)).ok()
    }

    /// Runs one of the files, which gets a description of the application under test as JSON. The error is Node's
    /// output.
    pub(crate) async fn run(&self, file: &str, application: Value) -> Result<(), String> {
        let mut tests = Command::new("node");
        tests
            .args(["--test", "--test-reporter=spec", file])
            .current_dir(&self.folder)
            .env("APPLICATION", application.to_string())
            .env("CHROMIUM", &self.browser);
        let output = tokio::task::spawn_blocking(move || tests.output()).await.unwrap().unwrap();
        let printed = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        if output.status.success() { Ok(()) } else { Err(printed) }
    }

    fn prepare() -> Result<Self, String> {
        let browser = BROWSERS.into_iter().find_map(program).ok_or("Chromium is not installed")?;
        if program("node").is_none() || program("npm").is_none() {
            return Err("Node and npm are not installed".to_owned());
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
        copy_files(&folder);
        install_packages(&folder)?;
        Ok(Self { browser, folder })
    }
}

fn copy_files(folder: &Path) {
    let source = workspace::root().join("dev/browser");
    fs::create_dir_all(folder.join("single_page")).unwrap();
    for file in FILES {
        fs::copy(source.join(file), folder.join(file)).unwrap();
    }
}

fn install_packages(folder: &Path) -> Result<(), String> {
    let stamp = folder.join("installed");
    let pinned = fs::read_to_string(folder.join("package-lock.json")).unwrap();
    if fs::read_to_string(&stamp).ok().as_ref() == Some(&pinned) {
        return Ok(());
    }
    let npm =
        Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder).output();
    let npm = npm.unwrap();
    if !npm.status.success() {
        let problem = format!("its packages cannot be installed:\n{}", String::from_utf8_lossy(&npm.stderr));
        // In continuous integration the registries are reachable, so a failure is a fault.
        assert!(env::var_os("CI").is_none(), "{problem}");
        return Err(problem);
    }
    fs::write(stamp, pinned).unwrap();
    Ok(())
}

/// A port on which nothing listens.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// The file of a program on `PATH`.
fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
