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
    /// Anyone: no account is needed.
    Anonymous,
    /// Those who have the API's registration and its vault.
    TargetApi,
    /// Those who have test users.
    People,
    /// Those who may end sessions and set policies, which affects users.
    Disruptive,
    /// Nobody deliberately: the service responds like this when it is overloaded.
    Chance,
}

/// The preparation that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Nothing,
    /// Get a token for the vault by client credentials.
    VaultToken,
    /// Exchange this person's token for a Graph token.
    Exchange(Role),
    /// The same, then an administrator revokes the person's sessions.
    ExchangeThenSignOut(Role),
}

/// A request, and the name under which its answer is kept.
pub struct Scenario {
    /// The name of the file, without `.json`.
    pub name: &'static str,
    /// Who can record it.
    pub grade: Grade,
    /// The preparation.
    pub before: Before,
    /// The request, given the token from the preparation; the error names what the target lacks.
    pub(super) request: fn(&TargetTenant, &str) -> Result<ScenarioRequest, String>,
}

/// The result of a scenario.
#[derive(Debug)]
pub enum Outcome {
    /// There was a response.
    Answered {
        /// The response.
        response: ScenarioResponse,
        /// The address of the request.
        url: String,
        /// The tokens received on the way, which must not be in a recording.
        tokens: Vec<String>,
    },
    /// The target lacks this, so nothing was sent.
    Lacks(String),
}

impl Scenario {
    /// Makes the preparation and sends the request, both by `send`. `wait` is called with instructions if a
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
            // Entra's description names the cause and has no secret.
            let description = body.get("error_description").and_then(Value::as_str).unwrap_or("no words");
            bail!("the token for the preparation was refused with status {}: {description}", response.status)
        }
    }
}
