//! One request of which there is, or should be, a recording.

use std::fmt;

use anyhow::{Result, bail};
use serde_json::Value;

use super::{Role, Subject, scenarios};
use crate::Service;

/// Who can record an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Anybody: it takes no account.
    Anonymous,
    /// Whoever has the API's registration and its vault.
    Registration,
    /// Whoever has people who sign in.
    People,
    /// Whoever may end sessions and set policies: people feel it.
    Disruptive,
    /// Nobody on purpose: the service answers so when it is overloaded.
    Chance,
}

/// What has to be done before the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Nothing,
    /// A token for the vault has to be had by client credentials.
    VaultToken,
    /// The token of this person has to be exchanged for one for Graph.
    Exchange(Role),
    /// The same, and then the person's sessions have to be revoked by an administrator.
    ExchangeThenSignOut(Role),
}

/// A request, and the name under which its answer is kept.
pub struct Scenario {
    /// The name of the file, without `.json`.
    pub name: &'static str,
    /// Who can record it.
    pub grade: Grade,
    /// What has to be done before.
    pub before: Before,
    /// The request, given the token that was had before; the error names what the subject lacks.
    pub(super) request: fn(&Subject, &str) -> Result<Request, String>,
}

/// A request to one of the services.
#[derive(Clone)]
pub struct Request {
    /// Whom it is for.
    pub service: Service,
    /// The address.
    pub url: String,
    /// Names in lower case, with values.
    pub headers: Vec<(&'static str, String)>,
    /// The fields of a form, which is sent by POST; `None` for GET.
    pub form: Option<Vec<(&'static str, String)>>,
}

/// An answer, as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in any letter case, with values, in order.
    pub headers: Vec<(String, String)>,
    /// The bytes of the body.
    pub body: Vec<u8>,
}

/// What came of a scenario.
#[derive(Debug)]
pub enum Outcome {
    /// It was answered.
    Answered {
        /// How.
        answer: Answer,
        /// The address that was asked.
        url: String,
        /// The tokens that were had on the way, which no recording may hold.
        tokens: Vec<String>,
    },
    /// The subject lacks this, so nothing was sent.
    Lacks(String),
}

impl Scenario {
    /// Does what has to be done before, and sends the request, all by `send`. `wait` is told what to wait for where a
    /// person has to do something.
    ///
    /// # Errors
    /// When `send` fails, or a token that is needed is refused.
    pub async fn run(
        &self,
        subject: &Subject,
        send: &impl AsyncFn(Request) -> Result<Answer>,
        wait: &impl AsyncFn(&str) -> Result<()>,
    ) -> Result<Outcome> {
        let preparation = match self.before {
            Before::Nothing => None,
            Before::VaultToken => Some(scenarios::vault_token(subject)),
            Before::Exchange(role) | Before::ExchangeThenSignOut(role) => Some(scenarios::exchange(subject, role)),
        };
        let token = match preparation {
            None => String::new(),
            Some(Err(lacks)) => return Ok(Outcome::Lacks(lacks)),
            Some(Ok(request)) => access_token(&send(request).await?)?,
        };
        let request = match (self.request)(subject, &token) {
            Ok(request) => request,
            Err(lacks) => return Ok(Outcome::Lacks(lacks)),
        };
        if let Before::ExchangeThenSignOut(role) = self.before {
            wait(&format!("Revoke the sessions of the person `{}` now, as an administrator.", role.name())).await?;
        }
        let url = request.url.clone();
        let answer = send(request).await?;
        let tokens = [&token].into_iter().filter(|token| !token.is_empty()).cloned();
        let tokens = tokens.chain(access_token(&answer).ok()).collect();
        Ok(Outcome::Answered { answer, url, tokens })
    }
}

/// The access token in an answer of the token endpoint.
fn access_token(answer: &Answer) -> Result<String> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match body.get("access_token").and_then(Value::as_str) {
        Some(token) => Ok(token.to_owned()),
        None => {
            // Entra's words name the cause, and hold no secret.
            let description = body.get("error_description").and_then(Value::as_str).unwrap_or("no words");
            bail!("a token that is needed before was refused by status {}: {description}", answer.status)
        }
    }
}

/// The service and the path only: the rest may be a secret.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("service", &self.service).finish_non_exhaustive()
    }
}

/// The status only: the rest may be a secret.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}
