//! `cargo dev call`

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::Args;
use console::style;
use reqwest::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde_json::Value;

use crate::{
    application::{Application, ApplicationOptions},
    loopback,
    progress::Progress,
    running,
};

/// Call the API as a person and print its answer: status, headers, JSON.
///
/// Calls the application that `cargo dev up` serves; where none is running, starts one on free ports and stops it
/// again. Exits with 0 when the API answers with a success (2xx), with 1 otherwise.
#[derive(Args, Debug)]
pub struct Call {
    /// Who calls; `cargo dev up` lists the people and what each demonstrates.
    #[arg(long = "as", value_name = "PERSON", default_value = "ada")]
    person: String,
    /// The path to call.
    #[arg(long, value_name = "PATH", default_value = "/api/profile-get")]
    path: String,
    /// The properties to ask Graph for ($select), separated by commas.
    #[arg(long, value_name = "PROPERTIES")]
    select: Option<String>,
}

impl Call {
    /// Calls the API and prints the answer.
    ///
    /// # Errors
    /// When nobody has that name, or the application cannot be started or reached.
    pub async fn run(self, progress: Progress) -> Result<ExitCode> {
        let status = match running::find().await? {
            Some(running) => {
                let token = running.access_token(&self.person).await?;
                print(self.send(&running.api_url, &token).await?).await?
            }
            None => self.call_a_new_application(progress).await?,
        };
        Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn call_a_new_application(&self, progress: Progress) -> Result<StatusCode> {
        progress.note("no `cargo dev up` is serving; starting an API for this one call");
        let options = ApplicationOptions { progress, ..ApplicationOptions::default() };
        let application = Application::start(options).await?;
        let token = application.tenant.access_token(application.tenant.person(&self.person)?, |_| ());
        let status = print(self.send(application.url(), &token).await?).await?;
        if progress.is_verbose() || status.is_server_error() {
            for line in application.log_lines() {
                eprintln!("{line}");
            }
        }
        application.stop().await;
        Ok(status)
    }

    async fn send(&self, api_url: &str, token: &str) -> Result<Response> {
        let path = self.path.trim_start_matches('/');
        let request = loopback::client()?
            .get(format!("{api_url}/{path}"))
            .query(&self.select.as_ref().map(|properties| [("$select", properties)]))
            .bearer_auth(token);
        request.send().await.with_context(|| format!("the API at {api_url} does not answer"))
    }
}

/// Prints as `curl -i` does, JSON in readable form.
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
