//! Access tokens of people who are signed in to the Azure CLI.

use std::{ffi::OsStr, path::Path};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tokio::process::Command;

/// `az account get-access-token`: <https://learn.microsoft.com/cli/azure/account#az-account-get-access-token>.
/// `configuration` is the folder in which the person is signed in; an empty path is the usual one.
pub(super) async fn access_token(
    program: &OsStr,
    configuration: &Path,
    tenant_id: &str,
    scope: &str,
) -> Result<String> {
    #[derive(Deserialize)]
    struct CliOutput {
        #[serde(rename = "accessToken")]
        access_token: String,
    }
    let mut az = Command::new(program);
    az.args(["account", "get-access-token", "--output", "json", "--tenant", tenant_id, "--scope", scope]);
    if !configuration.as_os_str().is_empty() {
        az.env("AZURE_CONFIG_DIR", configuration);
    }
    let output = az.output().await.with_context(|| {
        format!("cannot run {}: install the Azure CLI, or leave [people] out of record.toml", program.display())
    })?;
    // Standard output contains the token, standard error the reason of a failure.
    ensure!(
        output.status.success(),
        "{} gives no token for {scope}: {}",
        program.display(),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let answer: CliOutput = serde_json::from_slice(&output.stdout).context("the Azure CLI's answer holds no token")?;
    Ok(answer.access_token)
}
