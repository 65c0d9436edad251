//! `cargo dev call`

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use anyhow::{Context, Result};
use cargo_dev::{commands::call::Call, progress::Progress};
use console::style;
use reqwest::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde_json::Value;

use crate::{
    loopback,
    run::{Api, ApiOptions, find_running},
};

/// Calls the API and prints the response.
///
/// # Errors
/// If there is no such person, or the application cannot be started or reached.
pub async fn run(arguments: Call, progress: Progress) -> Result<ExitCode> {
    let status = match find_running().await? {
        Some(running) => {
            let token = running.access_token(&arguments.person).await?;
            print(send(&arguments, &running.api_url, &token).await?).await?
        }
        None => call_a_new_application(&arguments, progress).await?,
    };
    Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn call_a_new_application(arguments: &Call, progress: Progress) -> Result<StatusCode> {
    progress.note("no `cargo dev up` is serving; starting an API for this one call");
    let runner = arguments.host.runner(|note| progress.note(note)).await?;
    let options = ApiOptions { runner, progress, ..ApiOptions::default() };
    let api = Api::start(options).await?;
    let token = api.tenant.access_token(api.tenant.person(&arguments.person)?, |_| ());
    let status = print(send(arguments, api.server.url(), &token).await?).await?;
    let log = api.server.stop().await;
    if progress.is_verbose() || status.is_server_error() {
        for line in log {
            eprintln!("{line}");
        }
    }
    Ok(status)
}

async fn send(arguments: &Call, api_url: &str, token: &str) -> Result<Response> {
    let path = arguments.path.trim_start_matches('/');
    let request = loopback::client()?
        .get(format!("{api_url}/{path}"))
        .query(&arguments.select.as_ref().map(|properties| [("$select", properties)]))
        .bearer_auth(token);
    request.send().await.with_context(|| format!("the API at {api_url} does not answer"))
}

/// Prints the response like `curl -i`, with JSON indented.
async fn print(response: Response) -> Result<StatusCode> {
    let status = response.status();
    let shown = style(status.to_string()).bold();
    let shown = if status.is_success() { shown.green() } else { shown.red() };
    let mut text = format!("{:?} {shown}\n", response.version());
    for (name, value) in response.headers() {
        text += &format!("{}: {}\n", style(name).cyan(), String::from_utf8_lossy(value.as_bytes()));
    }
    let content_type = response.headers().get(CONTENT_TYPE).cloned();
    let body = response.bytes().await.context("the answer ends early")?;
    if !body.is_empty() {
        text += &format!("\n{}\n", readable(&body, content_type.as_ref()));
    }
    stdout().write_all(text.as_bytes())?;
    Ok(status)
}

fn readable(body: &[u8], content_type: Option<&HeaderValue>) -> String {
    if let Ok(json) = serde_json::from_slice::<Value>(body) {
        return format!("{json:#}");
    }
    match std::str::from_utf8(body) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            let kind = content_type.and_then(|value| value.to_str().ok()).unwrap_or("an unnamed type");
            format!("({} bytes of {kind})", body.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_made_readable() {
        assert_eq!(readable(br#"{"mail":"ada"}"#, None), "{\n  \"mail\": \"ada\"\n}");
        assert_eq!(readable(b"plain", None), "plain");
        let photo = HeaderValue::from_static("image/jpeg");
        assert_eq!(readable(&[0xff, 0xd8, 0xff], Some(&photo)), "(3 bytes of image/jpeg)");
    }
}
