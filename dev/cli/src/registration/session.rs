//! One run: its requests, what it reports of them, and how long it waits for services that are eventually consistent.

use std::{
    cell::{Cell, RefCell},
    io::Write,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::time::sleep;

use super::{
    Tools,
    azure_cli::AccessToken,
    curl::{Request, Response},
    refusal::{self, Purpose},
};
use crate::progress::Progress;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A page has a hundred objects.
const MOST_PAGES: usize = 50;

pub(crate) struct Session<'a> {
    pub(crate) tools: &'a Tools,
    /// Whether changes are only reported.
    pub(crate) is_dry: bool,
    /// How long one request is repeated.
    pub(crate) wait: Duration,
    pub(crate) progress: Progress,
    output: RefCell<&'a mut dyn Write>,
    changes: Cell<usize>,
}

/// Microsoft Graph or a key vault, with a token for it.
pub(crate) struct Service<'a> {
    pub(crate) session: &'a Session<'a>,
    /// The address before each path.
    pub(crate) base: String,
    pub(crate) token: AccessToken,
}

/// A request that changes something.
#[derive(Default)]
pub(crate) struct Change {
    pub(crate) method: &'static str,
    /// The path, from its first slash on.
    pub(crate) path: String,
    /// Whether the object that the path names is created if there is none.
    pub(crate) creates_if_missing: bool,
    pub(crate) body: Option<Value>,
    /// What the report shows of the body.
    pub(crate) lines: Vec<String>,
    /// Whether it is about an object that this run created, which others do not see at once.
    pub(crate) is_about_new: bool,
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        tools: &'a Tools,
        is_dry: bool,
        wait: Duration,
        progress: Progress,
        output: &'a mut dyn Write,
    ) -> Self {
        Self { tools, is_dry, wait, progress, output: RefCell::new(output), changes: Cell::new(0) }
    }

    /// How many requests changed something, or would.
    pub(crate) fn changes(&self) -> usize {
        self.changes.get()
    }

    /// # Errors
    /// If standard output is closed.
    pub(crate) fn report(&self, line: &str) -> Result<()> {
        writeln!(self.output.borrow_mut(), "{}", refusal::printable(line)).context("standard output is closed")
    }
}

impl Service<'_> {
    /// The object at `path`; `None` if there is none.
    pub(crate) async fn get(&self, purpose: Purpose, path: &str) -> Result<Option<Value>> {
        let response = self.send(purpose, "GET", path, &Change::default()).await?;
        match response.status {
            200 => Ok(Some(response.body)),
            404 => Ok(None),
            _ => Err(refusal::error(purpose, &format!("GET {path}"), &response)),
        }
    }

    /// The object at `path`, which this run created: waits until it is visible.
    pub(crate) async fn get_new(&self, purpose: Purpose, path: &str) -> Result<Value> {
        let response = self.send(purpose, "GET", path, &Change { is_about_new: true, ..Change::default() }).await?;
        match response.status {
            200 => Ok(response.body),
            _ => Err(refusal::error(purpose, &format!("GET {path}"), &response)),
        }
    }

    /// All objects of a collection.
    pub(crate) async fn list(&self, purpose: Purpose, path: &str) -> Result<Vec<Value>> {
        let mut objects = Vec::new();
        let mut next = path.to_owned();
        for _ in 0..MOST_PAGES {
            let mut page = self.get(purpose, &next).await?.unwrap_or_default();
            objects.append(page.get_mut("value").and_then(Value::as_array_mut).unwrap_or(&mut Vec::new()));
            // The token goes nowhere else.
            let link = page.get("@odata.nextLink").and_then(Value::as_str);
            match link.and_then(|link| link.strip_prefix(&self.base)) {
                Some(path) => next = path.to_owned(),
                None => return Ok(objects),
            }
        }
        bail!("{path} has more than {MOST_PAGES} pages")
    }

    /// Sends a change, or only reports it. Returns the body of the response; nothing in a dry run.
    pub(crate) async fn change(&self, purpose: Purpose, change: Change) -> Result<Option<Value>> {
        let response = self.try_change(purpose, &change).await?;
        match response {
            Some(response) if !(200..300).contains(&response.status) => {
                Err(refusal::error(purpose, &format!("{} {}", change.method, change.path), &response))
            }
            response => Ok(response.map(|response| response.body)),
        }
    }

    /// The same, but the caller judges the response.
    pub(super) async fn try_change(&self, purpose: Purpose, change: &Change) -> Result<Option<Response>> {
        let session = self.session;
        let response = match session.is_dry {
            true => None,
            false => Some(self.send(purpose, change.method, &change.path, change).await?),
        };
        if response.as_ref().is_none_or(|response| (200..300).contains(&response.status)) {
            session.changes.set(session.changes.get() + 1);
            session.report(&format!("{} {}{}", change.method, self.base, change.path))?;
            for line in &change.lines {
                session.report(&format!("    {line}"))?;
            }
        }
        Ok(response)
    }

    /// Repeats the request while there are too many, and while what it is about is not visible yet.
    async fn send(&self, purpose: Purpose, method: &str, path: &str, change: &Change) -> Result<Response> {
        let url = format!("{}{path}", self.base);
        let request = Request {
            method,
            url: &url,
            authorization: &self.token.authorization(),
            creates_if_missing: change.creates_if_missing,
            body: change.body.as_ref(),
        };
        let step = self.session.progress.step_if_needed("Waiting");
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let response = request.send(&self.session.tools.curl).await?;
            let reason = match response.status {
                429 | 503 => "for the service, which has too many requests",
                403 if purpose == Purpose::Vault && !self.session.is_dry && !refusal::is_disabled_secret(&response) => {
                    "for the vault to see your role"
                }
                404 | 409 if change.is_about_new => "until the new object is visible everywhere",
                // Its owner is not visible yet either.
                403 if change.is_about_new && purpose == Purpose::Register => {
                    "until the new object is visible everywhere"
                }
                400 if change.is_about_new && refusal::has_detail(&response, "NoBackingApplicationObject") => {
                    "until the new application is visible everywhere"
                }
                _ => return Ok(response),
            };
            let pause_now = response.retry_after.map_or(pause, Duration::from_secs);
            if started.elapsed().saturating_add(pause_now) > self.session.wait {
                return Ok(response);
            }
            step.detail(&format!("{reason} ({method} {path})"));
            sleep(pause_now).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, process::Command};

    use serde_json::json;

    use super::*;

    const BUSY: &str = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\n\r\n";
    const UNAVAILABLE: &str = "HTTP/1.1 503 Service Unavailable\r\n\r\n";
    const LATER: &str = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 18446744073709551615\r\n\r\n";
    const FOUND: &str = "HTTP/1.1 200 OK\r\n\r\n{\"a\": 1}";

    /// A program in place of curl that prints these responses, one after the other.
    fn curl(folder: &std::path::Path, responses: &[&str]) -> OsString {
        for (index, response) in responses.iter().enumerate() {
            std::fs::write(folder.join(index.to_string()), response).unwrap();
        }
        // The shell writes it: a file that this process has open for writing cannot be run by others.
        let script = "cd \"$1\" && printf '%s\\n' '#!/bin/sh' 'cd \"$(dirname \"$0\")\"' 'cat >/dev/null' \
                      'for next in [0-9]; do cat $next; rm $next; exit; done' > curl && chmod 755 curl";
        assert!(Command::new("sh").args(["-c", script, "sh"]).arg(folder).status().unwrap().success());
        folder.join("curl").into()
    }

    #[tokio::test]
    async fn busy_services_are_asked_again_for_as_long_as_the_person_waits() {
        for (responses, seconds, expected) in [
            (&[FOUND][..], 0, Ok(json!({"a": 1}))),
            (&[BUSY, UNAVAILABLE, FOUND], 10, Ok(json!({"a": 1}))),
            (&[BUSY, FOUND], 0, Err("wait some minutes")),
            // The second one comes after a second.
            (&[BUSY, LATER, FOUND], 10, Err("wait some minutes")),
            (&[UNAVAILABLE, FOUND], 0, Err("run the command again later")),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let tools = Tools { curl: curl(folder.path(), responses), ..Tools::default() };
            let mut output = Vec::new();
            let wait = Duration::from_secs(seconds);
            let session = Session::new(&tools, false, wait, Progress::default(), &mut output);
            let token = serde_json::from_value(json!({"accessToken": "t", "tenant": "d"})).unwrap();
            let service = Service { session: &session, base: "http://127.0.0.1:1".to_owned(), token };
            let got = service.get(Purpose::Register, "/x").await;
            match expected {
                Ok(expected) => assert_eq!(got.unwrap(), Some(expected), "{responses:?}"),
                Err(expected) => assert!(got.unwrap_err().to_string().contains(expected), "{responses:?}"),
            }
        }
    }

    #[test]
    fn a_report_cannot_control_the_terminal() {
        let mut output = Vec::new();
        let tools = Tools::default();
        let session = Session::new(&tools, false, Duration::ZERO, Progress::default(), &mut output);
        session.report("one\n    two\u{1b}[2J\u{9b}A\r\u{202e}x").unwrap();
        assert_eq!(String::from_utf8(output).unwrap(), "one\n    two\u{fffd}[2J\u{fffd}A\u{fffd}\u{fffd}x\n");
    }
}
