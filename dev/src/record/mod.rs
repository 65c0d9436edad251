//! Records the responses of a real tenant, to compare the emulated tenant with them.
//!
//! The scenarios and the format of recordings are in `emulated_tenant::recording`; this module sends the requests.

mod azure_cli;
mod client;
mod settings;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use cargo_dev::workspace;
use client::Client;
use emulated_tenant::{
    Service,
    recording::{
        Difference, Grade, Normaliser, Outcome, Recording, SCENARIOS, Scenario, ScenarioRequest, ScenarioResponse, leak,
    },
};
use serde_json::Value;
pub use settings::Settings;

/// Older recordings may no longer match the services.
const FRESH_DAYS: i64 = 180;

/// The folder of the recordings.
pub fn folder() -> PathBuf {
    workspace::root().join("dev/tenant/recordings")
}

/// The result of recording.
#[derive(Debug, Default)]
pub struct Report {
    /// The written recordings: the scenario, and the differences from the previous recording; `None` if there was none.
    pub written: Vec<(&'static str, Option<Vec<Difference>>)>,
    /// The skipped scenarios, and what they lack.
    pub lacking: Vec<(&'static str, String)>,
    /// The failed scenarios, and why.
    pub failed: Vec<(&'static str, String)>,
}

/// Records what `settings` allow, into `folder`. `wait` asks the user to do something and waits until it is done.
///
/// # Errors
/// If the domain does not belong to the tenant (then only the request that asks for its owner was sent), a person's
/// token cannot be obtained, or a file cannot be written.
pub async fn record(
    settings: &Settings,
    folder: &Path,
    with_disruptive: bool,
    wait: &impl AsyncFn(&str) -> Result<()>,
) -> Result<Report> {
    let client = Client::new()?;
    let send = async |request: ScenarioRequest| client.send(request).await;
    expect_own_domain(settings, &client).await?;
    let target = settings.target().await?;
    let normaliser = Normaliser::new(&target);
    let mut secrets = target.secrets();
    secrets.extend([settings.tenant_id.clone(), settings.domain.clone()]);

    let mut report = Report::default();
    for scenario in SCENARIOS.iter().filter(|scenario| is_wanted(scenario.grade, with_disruptive)) {
        match scenario.run(&target, &send, wait).await {
            Ok(Outcome::Lacks(what)) => report.lacking.push((scenario.name, what)),
            Ok(Outcome::Answered { response, tokens, url }) => {
                let known = [secrets.as_slice(), tokens.as_slice()].concat();
                match write(scenario, &normaliser, &response, &url, &known, folder)? {
                    Ok(changes) => report.written.push((scenario.name, changes)),
                    Err(leak) => report.failed.push((scenario.name, format!("not written, since {leak}"))),
                }
            }
            Err(error) => report.failed.push((scenario.name, format!("{error:#}"))),
        }
    }
    Ok(report)
}

const fn is_wanted(grade: Grade, with_disruptive: bool) -> bool {
    match grade {
        Grade::Anonymous | Grade::TargetApi | Grade::People => true,
        Grade::Disruptive => with_disruptive,
        Grade::Chance => false,
    }
}

/// Asks the login host which tenant the domain belongs to. This needs no account and sends only the domain.
async fn expect_own_domain(settings: &Settings, client: &Client) -> Result<()> {
    let Settings { domain, tenant_id, .. } = settings;
    let url = format!("{}/{domain}/v2.0/.well-known/openid-configuration", settings.authority_host);
    let request = ScenarioRequest { service: Service::Entra, url, headers: Vec::new(), form: None };
    let response = client.send(request).await?;
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let Some(issuer) = body.get("issuer").and_then(Value::as_str) else {
        bail!("{} knows no directory with the domain {domain:?}; nothing else was sent", settings.authority_host);
    };
    ensure!(
        issuer.split('/').any(|part| part.eq_ignore_ascii_case(tenant_id)),
        "the domain {domain:?} is not one of the tenant {tenant_id}: its issuer is {issuer}; nothing else was sent"
    );
    Ok(())
}

/// Writes a recording. The inner error says what must not be published.
fn write(
    scenario: &Scenario,
    normaliser: &Normaliser,
    response: &ScenarioResponse,
    url: &str,
    secrets: &[String],
    folder: &Path,
) -> Result<Result<Option<Vec<Difference>>, String>> {
    let normal = normaliser.normalise(response);
    let file = folder.join(format!("{}.json", scenario.name));
    let before = fs::read_to_string(&file).ok().and_then(|text| Recording::from_json(&text).ok());
    let changes = before.map(|before| before.differences(&normal).into_iter().collect());
    let recording = Recording::new(host(url)?, normal);
    if let Some(leak) = leak(&recording, secrets) {
        return Ok(Err(leak));
    }
    fs::write(&file, recording.to_json()?).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(Ok(changes))
}

/// The host, without the name of a vault.
fn host(url: &str) -> Result<String> {
    let url = url::Url::parse(url).context("a scenario's address is no URL")?;
    let host = url.host_str().unwrap_or_default();
    Ok(match host.split_once('.') {
        Some((_, domain)) if domain.starts_with("vault.") => format!("*.{domain}"),
        _ => host.to_owned(),
    })
}

/// What remains to be recorded.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// The scenarios without a recording.
    pub missing: Vec<&'static str>,
    /// Those that are known only from public sources.
    pub second_hand: Vec<&'static str>,
    /// Those whose recording by this command is old, with its age in days.
    pub stale: Vec<(&'static str, i64)>,
}

impl Gaps {
    /// Reads the recordings in `folder`.
    ///
    /// # Errors
    /// If a file in it is not a recording.
    pub fn find(folder: &Path) -> Result<Self> {
        let mut gaps = Self::default();
        for scenario in SCENARIOS {
            let file = folder.join(format!("{}.json", scenario.name));
            let Ok(text) = fs::read_to_string(&file) else {
                gaps.missing.push(scenario.name);
                continue;
            };
            let recording = Recording::from_json(&text).with_context(|| file.display().to_string())?;
            if !recording.is_own() {
                gaps.second_hand.push(scenario.name);
                continue;
            }
            let age = recording.age_in_days().with_context(|| file.display().to_string())?;
            if age > FRESH_DAYS {
                gaps.stale.push((scenario.name, age));
            }
        }
        Ok(gaps)
    }
}

#[cfg(test)]
mod tests;
