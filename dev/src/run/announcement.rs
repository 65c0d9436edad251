//! Where `cargo dev up` is serving, so that `call` and `token` find it.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use cargo_dev::workspace;
use serde::{Deserialize, Serialize};
use tokio::fs;

use crate::loopback;

/// A listener on this machine answers at once.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// An application that `cargo dev up` serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The process that serves it.
    pub process: u32,
    /// The API's base URL.
    pub api_url: String,
    /// The emulated tenant's sign-in host.
    pub authority_url: String,
    /// The emulated tenant's directory id, new in each run.
    pub tenant_id: String,
    /// The environment variables with which another `spin up` uses this tenant.
    pub spin_environment: BTreeMap<String, String>,
}

impl Running {
    /// Signs in `person` at the running tenant.
    ///
    /// # Errors
    /// If there is no such person, or the application has ended.
    pub async fn access_token(&self, person: &str) -> Result<String> {
        let url = format!("{}/emulator/token", self.authority_url);
        let response = loopback::client()?
            .post(url)
            .form(&[("person", person)])
            .send()
            .await
            .context("the application that `cargo dev up` served has ended: start it again")?;
        let status = response.status();
        let body = response.text().await?;
        match serde_json::from_str(&body) {
            Ok(TokenResponse::Issued { access_token }) => Ok(access_token),
            Ok(TokenResponse::Refused { error }) => bail!("{error}"),
            Err(_) => bail!("{} answered {status} to a request for a token", self.authority_url),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TokenResponse {
    Issued { access_token: String },
    Refused { error: String },
}

/// The file with the address for other commands. Removed when dropped.
#[derive(Debug)]
pub struct Announcement {
    file: PathBuf,
    running: Running,
}

impl Announcement {
    /// Publishes the address of this process for other commands.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn publish(running: Running) -> Result<Self> {
        Self::publish_in(&workspace::run_directory(), running).await
    }

    async fn publish_in(directory: &Path, running: Running) -> Result<Self> {
        fs::create_dir_all(directory).await?;
        let file = file_in(directory);
        fs::write(&file, serde_json::to_vec_pretty(&running)?)
            .await
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self { file, running })
    }
}

impl Drop for Announcement {
    /// Keeps the file if a second `up` has replaced it meanwhile.
    fn drop(&mut self) {
        let current = std::fs::read(&self.file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if current == Some(self.running.clone()) {
            // If this fails, the remaining file is recognised as stale.
            let _ = std::fs::remove_file(&self.file);
        }
    }
}

/// The application that is running now, if there is one. The file of a killed `up` is ignored.
///
/// # Errors
/// If the file exists and cannot be read.
pub async fn find_running() -> Result<Option<Running>> {
    find_running_in(&workspace::run_directory()).await
}

async fn find_running_in(directory: &Path) -> Result<Option<Running>> {
    let file = file_in(directory);
    let bytes = match fs::read(&file).await {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    let Ok(running) = serde_json::from_slice::<Running>(&bytes) else { return Ok(None) };
    Ok(is_serving(&running).await.then_some(running))
}

/// Requests the tenant's OpenID configuration, which another program on the same port would not have.
async fn is_serving(running: &Running) -> bool {
    let url = format!("{}/{}/v2.0/.well-known/openid-configuration", running.authority_url, running.tenant_id);
    let Ok(client) = loopback::client() else { return false };
    let answer = client.get(url).timeout(PROBE_LIMIT).send().await;
    answer.is_ok_and(|response| response.status().is_success())
}

fn file_in(directory: &Path) -> PathBuf {
    directory.join("running.json")
}

#[cfg(test)]
mod tests {
    use emulated_tenant::{Tenant, TenantOptions};

    use super::*;

    fn running(tenant: &Tenant) -> Running {
        Running {
            process: std::process::id(),
            api_url: "http://127.0.0.1:3000".to_owned(),
            authority_url: tenant.authority_url().to_owned(),
            tenant_id: tenant.tenant_id().to_owned(),
            spin_environment: BTreeMap::new(),
        }
    }

    #[tokio::test]
    async fn what_is_announced_is_found_until_it_ends() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(find_running_in(directory.path()).await.unwrap(), None);
        let tenant = Tenant::start(TenantOptions::default()).await.unwrap();
        let announcement = Announcement::publish_in(directory.path(), running(&tenant)).await.unwrap();
        assert_eq!(find_running_in(directory.path()).await.unwrap(), Some(running(&tenant)));
        drop(announcement);
        assert_eq!(find_running_in(directory.path()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn people_are_signed_in_by_name() {
        let tenant = Tenant::start(TenantOptions::default()).await.unwrap();
        let token = running(&tenant).access_token("ada").await.unwrap();
        assert_eq!(token.split('.').count(), 3);
        let error = running(&tenant).access_token("nobody").await.unwrap_err().to_string();
        assert!(error.contains("nobody"), "{error}");
    }

    #[tokio::test]
    async fn what_a_killed_process_left_is_not_found() {
        let directory = tempfile::tempdir().unwrap();
        let tenant = Tenant::start(TenantOptions::default()).await.unwrap();
        let other_tenant = Running { tenant_id: "00000000-0000-0000-0000-000000000000".to_owned(), ..running(&tenant) };
        let _announcement = Announcement::publish_in(directory.path(), other_tenant).await.unwrap();
        assert_eq!(find_running_in(directory.path()).await.unwrap(), None);
        std::fs::write(file_in(directory.path()), "half a f").unwrap();
        assert_eq!(find_running_in(directory.path()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_later_announcement_survives_the_end_of_an_earlier_one() {
        let directory = tempfile::tempdir().unwrap();
        let tenant = Tenant::start(TenantOptions::default()).await.unwrap();
        let earlier = Announcement::publish_in(directory.path(), running(&tenant)).await.unwrap();
        let second = Running { api_url: "http://127.0.0.1:3001".to_owned(), ..running(&tenant) };
        let _later = Announcement::publish_in(directory.path(), second.clone()).await.unwrap();
        drop(earlier);
        assert_eq!(find_running_in(directory.path()).await.unwrap(), Some(second));
    }
}
