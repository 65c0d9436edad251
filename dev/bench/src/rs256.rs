//! RS256 verification in WebAssembly compared with OpenSSL's native code.

use anyhow::{Context, Result, ensure};
use cargo_dev::{component::Component, programs::output_of, progress::Progress};
use emulated_tenant::Tenant;
use profile_get_dev::{loopback, usage::Usage};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{
    plan::Plan,
    stage::{Served, Stage},
};

pub(super) const NAME: &str = "RS256";

/// Microseconds for one verification of RSA-2048.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Rs256 {
    pub(super) profile_get_us: f64,
    pub(super) jwt_simple_us: f64,
    /// Without hash and padding, which the others include. `None` if there is no `openssl`.
    pub(super) openssl_us: Option<f64>,
}

/// Measures both in turns. It counts CPU time, as `openssl speed` does, which other programs affect less.
///
/// # Errors
/// If the component does not build or start, or does not accept the token.
pub(super) async fn measure(stage: &Stage, plan: &Plan, progress: Progress) -> Result<Rs256> {
    Component::Rs256.build(progress).await?;
    let step = progress.step("Measuring RS256");
    let served = stage.serve_rs256().await?;
    let key_and_token = key_and_token(&stage.tenant).await?;
    let mut best = Rs256 { profile_get_us: f64::INFINITY, jwt_simple_us: f64::INFINITY, openssl_us: None };
    for turn in 0..plan.turns {
        best.profile_get_us = best.profile_get_us.min(in_wasm(&served, "profile-get", &key_and_token).await?);
        best.jwt_simple_us = best.jwt_simple_us.min(in_wasm(&served, "jwt-simple", &key_and_token).await?);
        match openssl().await {
            Ok(microseconds) => best.openssl_us = Some(best.openssl_us.map_or(microseconds, |us| us.min(microseconds))),
            Err(error) if turn == 0 => progress.note(&format!("RS256 is not compared with OpenSSL: {error:#}")),
            Err(_) => {}
        }
    }
    served.stop().await;
    step.done("Measured RS256");
    Ok(best)
}

/// Microseconds for one verification by `verifier`.
async fn in_wasm(served: &Served, verifier: &str, key_and_token: &Value) -> Result<f64> {
    let mut question = key_and_token.clone();
    if let Some(question) = question.as_object_mut() {
        question.insert("by".to_owned(), verifier.into());
    }
    let url = format!("{}/rs256", served.url());
    let before = Usage::of_tree(served.process_id())?;
    let answer = loopback::client()?.post(url).json(&question).send().await?;
    let (status, body) = (answer.status(), answer.text().await?);
    let after = Usage::of_tree(served.process_id())?;
    ensure!(status.is_success(), "verifying by {verifier} was answered {status}: {body}");
    let verifications: u32 = body.parse().with_context(|| format!("verifying by {verifier} was answered {body:?}"))?;
    Ok((after.cpu - before.cpu).as_secs_f64() * 1e6 / f64::from(verifications.max(1)))
}

/// An access token and the key that signed it.
async fn key_and_token(tenant: &Tenant) -> Result<Value> {
    let mut key_id = None;
    let token = tenant.access_token(tenant.person("ada")?, |plan| key_id = plan.header.get("kid").cloned());
    let url = format!("{}/{}/discovery/v2.0/keys", tenant.authority_url(), tenant.tenant_id());
    let key_set: Value = loopback::client()?.get(url).send().await?.json().await?;
    let keys = key_set.get("keys").and_then(Value::as_array).context("the tenant's key set")?;
    let key = keys.iter().find(|key| key.get("kid") == key_id.as_ref()).context("the tenant's signing key")?;
    Ok(json!({"n": key.get("n"), "e": key.get("e"), "token": token}))
}

async fn openssl() -> Result<f64> {
    let mut command = Command::new("openssl");
    let printed = output_of(command.args(["speed", "-seconds", "1", "rsa2048"])).await?;
    let rate = verifications_per_second(&printed).with_context(|| format!("`openssl speed` printed\n{printed}"))?;
    Ok(1e6 / rate)
}

/// Reads OpenSSL's table, whose columns differ between versions: a heading, and a line that starts with `rsa 2048
/// bits`.
fn verifications_per_second(printed: &str) -> Option<f64> {
    let heading = printed.lines().find(|line| line.contains("verify/s"))?;
    let column = heading.split_whitespace().position(|name| name == "verify/s")?;
    let figures = printed.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("rsa") && words.next() == Some("2048") && words.next() == Some("bits")).then_some(words)
    })?;
    figures.into_iter().nth(column)?.parse().ok().filter(|rate| *rate > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_openssls_table_are_read() {
        let version_3_0 = "version: 3.0.18\n                  sign    verify    sign/s verify/s\n\
                           rsa 2048 bits 0.000597s 0.000018s   1675.0  55000.5\n";
        let version_3_5 = "                   sign    verify    encrypt   decrypt   sign/s verify/s  encr./s  decr./s\n\
                           rsa  2048 bits 0.000597s 0.000018s 0.000019s 0.000600s   1675.0  55000.5  52000.0   1600.0\n";
        for printed in [version_3_0, version_3_5] {
            assert_eq!(verifications_per_second(printed), Some(55000.5), "{printed}");
        }
        assert_eq!(verifications_per_second("rsa 2048 bits 1 2 3 4"), None);
        assert_eq!(verifications_per_second("sign verify sign/s verify/s\n"), None);
    }
}
