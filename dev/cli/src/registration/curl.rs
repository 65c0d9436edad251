//! HTTP through curl, which has the proxies and certificates of this machine, and keeps TLS out of a program that
//! builds in seconds.

use std::{ffi::OsStr, process::Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::programs::last_lines;

/// Graph answers within seconds, if at all.
const SECONDS: &str = "60";
/// A page of objects has some hundred kilobytes.
const LARGEST_BODY: &str = "10M";

/// A request, with whatever may not appear in the list of processes: curl reads it from its standard input.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a str,
    pub(super) authorization: &'a str,
    /// Whether Graph is to create the object if there is none.
    pub(super) creates_if_missing: bool,
    pub(super) body: Option<&'a Value>,
}

pub(super) struct Response {
    pub(super) status: u16,
    pub(super) retry_after: Option<u64>,
    /// `Null` if there is no JSON.
    pub(super) body: Value,
}

impl Request<'_> {
    /// # Errors
    /// If curl cannot be started or gets no response.
    pub(super) async fn send(&self, curl: &OsStr) -> Result<Response> {
        let mut command = Command::new(curl);
        // First: the person's own ~/.curlrc must not change the output.
        command.args(["--disable", "--silent", "--show-error", "--include", "--suppress-connect-headers"]);
        command.args(["--globoff", "--max-time", SECONDS, "--max-filesize", LARGEST_BODY]);
        command.args(["--config", "-"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("`{}` could not be started: install curl", curl.display()))?;
        let mut input = child.stdin.take().context("curl's standard input")?;
        // A failing curl closes its input; its exit code says more.
        let _ = input.write_all(self.configuration().as_bytes()).await;
        drop(input);
        let output = child.wait_with_output().await?;
        if !output.status.success() {
            let host = self.url.split('/').take(3).collect::<Vec<_>>().join("/");
            bail!("no response from {host}: {}", last_lines(&String::from_utf8_lossy(&output.stderr)));
        }
        Response::parse(&output.stdout).with_context(|| format!("curl printed no response to {}", self.url))
    }

    fn configuration(&self) -> String {
        let mut lines = vec![
            format!("request = {}", quoted(self.method)),
            format!("url = {}", quoted(self.url)),
            format!("header = {}", quoted(&format!("Authorization: {}", self.authorization))),
            // Otherwise curl waits for "100 Continue" before a long body.
            "header = \"Expect:\"".to_owned(),
        ];
        if self.creates_if_missing {
            lines.push("header = \"Prefer: create-if-missing\"".to_owned());
        }
        if let Some(body) = self.body {
            lines.push("header = \"Content-Type: application/json\"".to_owned());
            lines.push(format!("data-raw = {}", quoted(&body.to_string())));
        } else if self.method != "GET" {
            lines.push("header = \"Content-Length: 0\"".to_owned());
        }
        lines.join("\n")
    }
}

/// As curl's manual describes for its configuration files.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\r', "\\r");
    format!("\"{}\"", escaped.replace('\t', "\\t"))
}

impl Response {
    fn parse(printed: &[u8]) -> Option<Self> {
        let mut rest = printed;
        loop {
            let end = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
            let (head, body) = rest.split_at_checked(end + 4)?;
            let head = String::from_utf8_lossy(head);
            let mut lines = head.lines();
            let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
            if status < 200 {
                rest = body;
                continue;
            }
            let retry_after = lines
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))
                // Graph also sends fractions of a second.
                .and_then(|(_, seconds)| seconds.trim().split('.').next()?.parse::<u64>().ok());
            return Some(Self {
                status,
                retry_after: retry_after.map(|seconds| seconds.saturating_add(1)),
                body: serde_json::from_slice(body).unwrap_or_default(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_of_several_responses_counts() {
        let printed = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/2 429 \r\nRetry-After: 2.1\r\n\r\n{\"a\":1}";
        let response = Response::parse(printed).unwrap();
        assert_eq!((response.status, response.retry_after, response.body), (429, Some(3), json!({"a": 1})));
        let response = Response::parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!((response.status, response.retry_after, response.body), (204, None, Value::Null));
        for printed in
            [&b""[..], b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\n", b"nonsense\r\n\r\n", b"HTTP/1.1 x\r\n\r\n"]
        {
            assert!(Response::parse(printed).is_none());
        }
    }

    #[tokio::test]
    async fn curl_is_told_everything_by_its_input() {
        let body = json!({"a": "b\"\\\n"});
        let request = Request {
            method: "PATCH",
            url: "http://127.0.0.1/x(y='z')",
            authorization: "Bearer t",
            creates_if_missing: true,
            body: Some(&body),
        };
        assert_eq!(
            request.configuration(),
            "request = \"PATCH\"\nurl = \"http://127.0.0.1/x(y='z')\"\nheader = \"Authorization: Bearer t\"\n\
             header = \"Expect:\"\nheader = \"Prefer: create-if-missing\"\nheader = \"Content-Type: application/json\"\n\
             data-raw = \"{\\\"a\\\":\\\"b\\\\\\\"\\\\\\\\\\\\n\\\"}\""
        );
        let error = request.send("no-such-program-here".as_ref()).await.err().unwrap();
        assert!(format!("{error:#}").contains("install curl"), "{error:#}");
    }

    #[tokio::test]
    async fn a_failing_curl_says_why() {
        let request = Request {
            method: "GET",
            url: "http://127.0.0.1:1/x?y",
            authorization: "",
            creates_if_missing: false,
            body: None,
        };
        let error = request.send("curl".as_ref()).await.err().unwrap().to_string();
        assert!(error.starts_with("no response from http://127.0.0.1:1: curl: (7)"), "{error}");
    }
}
