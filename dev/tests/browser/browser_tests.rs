//! Runs the browser's part of a test in Node.

use std::{
    env,
    io::{self, ErrorKind},
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
};

use anyhow::Result;
use cargo_dev::npm_and_pip::{npm, unless_skipped};
use serde_json::Value;
use tokio::process::Command;

/// The names of Chromium's program.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Node's tests, ready to run.
pub(crate) struct BrowserTests {
    browser: PathBuf,
    folder: PathBuf,
}

impl BrowserTests {
    /// `None`, with a message, if the test called `name` is to be skipped.
    pub(crate) async fn ready(name: &str) -> Option<Self> {
        unless_skipped(name, Self::prepare().await).unwrap()
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
        let output = tests.output().await.unwrap();
        let printed = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        if output.status.success() { Ok(()) } else { Err(printed) }
    }

    async fn prepare() -> Result<Self> {
        let missing = || io::Error::new(ErrorKind::NotFound, "Chromium is not installed");
        let browser = BROWSERS.into_iter().find_map(program).ok_or_else(missing)?;
        Ok(Self { browser, folder: npm("dev/browser").await? })
    }
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
