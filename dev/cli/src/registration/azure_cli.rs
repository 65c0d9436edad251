//! The Azure CLI: which cloud, which directory, and tokens of the person who ran `az login`.

use std::{ffi::OsStr, process::Stdio, time::Duration};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{process::Command, time::timeout};

use crate::programs::last_lines;

/// It starts slowly, and may have to renew a token.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// Where the services of a cloud are: `az cloud show`.
#[derive(Debug, Deserialize)]
pub(crate) struct Cloud {
    /// `AzureCloud`, `AzureUSGovernment` or `AzureChinaCloud`.
    pub(crate) name: String,
    endpoints: Endpoints,
    suffixes: Suffixes,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoints {
    active_directory: String,
    microsoft_graph_resource_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Suffixes {
    /// `.vault.azure.net`
    keyvault_dns: String,
}

impl Cloud {
    /// The cloud that `az cloud set` chose.
    ///
    /// # Errors
    /// If there is no Azure CLI.
    pub(crate) async fn current(az: &OsStr) -> Result<Self> {
        run(az, &["cloud", "show"]).await
    }

    /// Entra's address, without a slash at its end.
    pub(crate) fn authority(&self) -> &str {
        match self.endpoints.active_directory.trim_end_matches('/') {
            // Its tokens and metadata name the newer host.
            "https://login.chinacloudapi.cn" => "https://login.partner.microsoftonline.cn",
            other => other,
        }
    }

    /// Graph's address, without a slash at its end.
    pub(crate) fn graph(&self) -> &str {
        self.endpoints.microsoft_graph_resource_id.trim_end_matches('/')
    }

    /// The end of the host names of all vaults: `.vault.azure.net`.
    pub(crate) fn vault_suffix(&self) -> &str {
        &self.suffixes.keyvault_dns
    }

    /// What tokens for all vaults are for.
    fn vault_resource(&self) -> String {
        format!("https://{}", self.vault_suffix().trim_start_matches('.'))
    }

    /// The audience of tokens that are exchanged at this cloud's Entra.
    pub(crate) fn token_exchange(&self) -> &'static str {
        match self.name.as_str() {
            "AzureUSGovernment" => "api://AzureADTokenExchangeUSGov",
            "AzureChinaCloud" => "api://AzureADTokenExchangeChina",
            _ => "api://AzureADTokenExchange",
        }
    }

    /// Whether Graph has its usual address.
    pub(crate) fn is_global(&self) -> bool {
        self.name == "AzureCloud"
    }
}

/// An access token. It cannot be printed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessToken {
    access_token: String,
    /// The directory that it is for.
    pub(crate) tenant: String,
}

impl AccessToken {
    /// A token for Microsoft Graph, of the current directory or of `tenant`.
    ///
    /// # Errors
    /// If nobody is signed in.
    pub(crate) async fn for_graph(az: &OsStr, tenant: Option<&str>) -> Result<Self> {
        Self::get(az, &["--resource-type", "ms-graph"], tenant).await
    }

    /// A token for the vaults of a cloud, from the same directory as Graph's.
    ///
    /// # Errors
    /// As [`Self::for_graph`].
    pub(crate) async fn for_vaults(az: &OsStr, cloud: &Cloud, tenant: &str) -> Result<Self> {
        Self::get(az, &["--resource", &cloud.vault_resource()], Some(tenant)).await
    }

    async fn get(az: &OsStr, resource: &[&str], tenant: Option<&str>) -> Result<Self> {
        let mut arguments = vec!["account", "get-access-token"];
        arguments.extend(resource);
        arguments.extend(tenant.into_iter().flat_map(|tenant| ["--tenant", tenant]));
        run(az, &arguments).await.with_context(|| {
            let tenant = tenant.map(|tenant| format!(" --tenant {tenant}")).unwrap_or_default();
            format!("the Azure CLI has no token: sign in with `az login --allow-no-subscriptions{tenant}`")
        })
    }

    /// The value of the header `Authorization`.
    pub(super) fn authorization(&self) -> String {
        format!("Bearer {}", self.access_token)
    }
}

async fn run<T: DeserializeOwned>(az: &OsStr, arguments: &[&str]) -> Result<T> {
    let mut command = Command::new(az);
    command.args(arguments).args(["--output", "json"]).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(TIME_LIMIT, command.output()).await;
    let output = output.with_context(|| format!("`az {}` did not end in time", arguments.join(" ")))?;
    let output = output.with_context(|| {
        format!(
            "`{}` could not be started: install the Azure CLI, https://learn.microsoft.com/cli/azure/install-azure-cli",
            az.display()
        )
    })?;
    // Standard output can contain a token, standard error has the reason of a failure.
    if !output.status.success() {
        bail!("`az {}` failed\n{}", arguments.join(" "), last_lines(&String::from_utf8_lossy(&output.stderr)));
    }
    // The parser's own error could quote the token.
    serde_json::from_slice(&output.stdout)
        .ok()
        .with_context(|| format!("`az {}` printed no such JSON", arguments.join(" ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_cloud_has_its_own_addresses() {
        // As the Azure CLI has them.
        for (name, entra, graph, vaults, expected) in [
            (
                "AzureCloud",
                "https://login.microsoftonline.com",
                "https://graph.microsoft.com/",
                ".vault.azure.net",
                [
                    "https://login.microsoftonline.com",
                    "https://graph.microsoft.com",
                    "https://vault.azure.net",
                    "api://AzureADTokenExchange",
                ],
            ),
            (
                "AzureUSGovernment",
                "https://login.microsoftonline.us",
                "https://graph.microsoft.us/",
                ".vault.usgovcloudapi.net",
                [
                    "https://login.microsoftonline.us",
                    "https://graph.microsoft.us",
                    "https://vault.usgovcloudapi.net",
                    "api://AzureADTokenExchangeUSGov",
                ],
            ),
            (
                "AzureChinaCloud",
                "https://login.chinacloudapi.cn",
                "https://microsoftgraph.chinacloudapi.cn",
                ".vault.azure.cn",
                [
                    "https://login.partner.microsoftonline.cn",
                    "https://microsoftgraph.chinacloudapi.cn",
                    "https://vault.azure.cn",
                    "api://AzureADTokenExchangeChina",
                ],
            ),
        ] {
            let cloud = json!({
                "name": name,
                "endpoints": {"activeDirectory": entra, "microsoftGraphResourceId": graph},
                "suffixes": {"keyvaultDns": vaults},
            });
            let cloud: Cloud = serde_json::from_value(cloud).unwrap();
            assert_eq!([cloud.authority(), cloud.graph(), &cloud.vault_resource(), cloud.token_exchange()], expected);
            assert_eq!(cloud.is_global(), name == "AzureCloud");
        }
    }
}
