//! What the applications prove themselves with.

use anyhow::{Context, Result};

use super::{API_SECRET, APP_SECRET, Register, Registered, SESSION_SECRET};
use crate::registration::{
    azure_cli::Cloud,
    credential::{Federation, SecretInVault, ensure_certificate},
    session::Service,
    vault::{self, Vault},
};

impl Register {
    pub(super) async fn ensure_credentials<'s>(
        &self,
        graph: &Service<'s>,
        vault: Option<&Vault<'s>>,
        cloud: &Cloud,
        registered: &mut Registered,
    ) -> Result<()> {
        let secret = |name| vault.map(|vault| SecretInVault { graph, vault, name, rotates: self.rotate });
        let Registered { api, app } = registered;
        match (&self.certificate, self.federated.as_deref(), secret(API_SECRET)) {
            (Some(file), _, _) => {
                let pem = tokio::fs::read_to_string(file).await;
                let pem = pem.with_context(|| format!("cannot read {}", file.display()))?;
                let certificate = ensure_certificate(graph, api, &pem).await;
                certificate.with_context(|| format!("the certificate in {}", file.display()))?;
            }
            (None, Some([issuer, subject]), _) => {
                Federation { issuer, subject, audience: cloud.token_exchange() }.ensure(graph, api).await?;
            }
            (None, _, Some(secret)) => secret.ensure(api).await?,
            (None, _, None) => graph.session.report(&format!(
                "Without --vault, no client secret is created. To try the API, set one in the environment:\n    \
                 export SPIN_VARIABLE_CLIENTSECRET=\"$(az ad app credential reset --append --id {} --query password \
                 --output tsv)\"",
                api.client_id
            ))?,
        }
        if let (Some(app), Some(secret), Some(vault)) = (app, secret(APP_SECRET), vault) {
            secret.ensure(app).await?;
            if vault.get(SESSION_SECRET).await?.is_none() {
                vault.put(SESSION_SECRET, &vault::random_secret()?, &app.client_id, None).await?;
            }
        }
        Ok(())
    }
}
