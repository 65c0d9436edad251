//! One request of which there is, or should be, a recording.

use anyhow::{Result, bail};
use serde_json::Value;

use super::{
    http::{ScenarioRequest, ScenarioResponse},
    requests,
    target::{Role, TargetTenant},
};

/// Who can record an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Anybody: it takes no account.
    Anonymous,
    /// Whoever has the API's registration and its vault.
    TargetApi,
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
    pub(super) request: fn(&TargetTenant, &str) -> Result<ScenarioRequest, String>,
}

/// What came of a scenario.
#[derive(Debug)]
pub enum Outcome {
    /// It was answered.
    Answered {
        /// How.
        response: ScenarioResponse,
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
        target: &TargetTenant,
        send: &impl AsyncFn(ScenarioRequest) -> Result<ScenarioResponse>,
        wait: &impl AsyncFn(&str) -> Result<()>,
    ) -> Result<Outcome> {
        let preparation = match self.before {
            Before::Nothing => None,
            Before::VaultToken => Some(requests::vault_token(target)),
            Before::Exchange(role) | Before::ExchangeThenSignOut(role) => Some(requests::exchange(target, role)),
        };
        let token = match preparation {
            None => String::new(),
            Some(Err(lacks)) => return Ok(Outcome::Lacks(lacks)),
            Some(Ok(request)) => access_token(&send(request).await?)?,
        };
        let request = match (self.request)(target, &token) {
            Ok(request) => request,
            Err(lacks) => return Ok(Outcome::Lacks(lacks)),
        };
        if let Before::ExchangeThenSignOut(role) = self.before {
            wait(&format!("Revoke the sessions of the person `{}` now, as an administrator.", role.name())).await?;
        }
        let url = request.url.clone();
        let response = send(request).await?;
        let tokens = [&token].into_iter().filter(|token| !token.is_empty()).cloned();
        let tokens = tokens.chain(access_token(&response).ok()).collect();
        Ok(Outcome::Answered { response, url, tokens })
    }
}

/// The access token in an answer of the token endpoint.
fn access_token(response: &ScenarioResponse) -> Result<String> {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    match body.get("access_token").and_then(Value::as_str) {
        Some(token) => Ok(token.to_owned()),
        None => {
            // Entra's words name the cause, and hold no secret.
            let description = body.get("error_description").and_then(Value::as_str).unwrap_or("no words");
            bail!("a token that is needed before was refused by status {}: {description}", response.status)
        }
    }
}
