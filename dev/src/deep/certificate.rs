//! A short run with a certificate in the vault, so that the search for secrets includes a private key.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use cargo_dev::commands::deep::Subject;
use emulated_tenant::{ClientCertificate, Tenant, TenantOptions};

use super::{caller::Caller, evidence::Evidence};
use crate::run::{Api, ApiOptions, Runner};

/// More than the first request takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// One person calls.
///
/// # Errors
/// If they do not get their profile.
pub(super) async fn run(runner: Runner, evidence: &Evidence) -> Result<()> {
    let tenant = Arc::new(Tenant::start(TenantOptions::default()).await?);
    let certificate = tokio::task::spawn_blocking(ClientCertificate::generate).await??;
    tenant.register_certificate(&certificate.certificate_pem)?;
    tenant.set_vault_secret("clientsecret", certificate.bundle_pem.clone());
    evidence.pem(&certificate.bundle_pem);
    let options = ApiOptions { runner, ..evidence.application_options() };
    let api = Api::start_for(Arc::clone(&tenant), options).await?;
    let token = tenant.access_token(tenant.person("ada")?, |_| ());
    let answer = Caller::of(Subject::Api, api.server.url())?.profile(&token, LIMIT).await;
    let answer = answer.map_err(|no_answer| anyhow::anyhow!("with a certificate: {no_answer}"))?;
    ensure!(answer.code() == "profile", "with a certificate: {} {}", answer.status, answer.code());
    evidence.response(&answer);
    evidence.token("a caller's token", &token);
    evidence.upstream(&tenant.take_requests());
    api.server.stop().await;
    Ok(())
}
