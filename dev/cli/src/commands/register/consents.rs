//! Service principals, and the consents between them.

use anyhow::{Context, Result};

use super::{Register, Registered, applications::GRAPH, scope::SCOPE};
use crate::registration::{azure_cli::Cloud, consent::Consent, service_principal::ServicePrincipal, session::Service};

impl Register {
    pub(super) async fn install(&self, graph: &Service<'_>, cloud: &Cloud, registered: &Registered) -> Result<()> {
        let Registered { api, app } = registered;
        let api_principal = ServicePrincipal::find_or_create(graph, api, &self.api_name()).await?;
        let app_principal = match app {
            Some(app) => Some(ServicePrincipal::find_or_create(graph, app, &self.app_name()).await?),
            None => None,
        };
        let graph_principal = ServicePrincipal::find(graph, GRAPH).await?;
        let graph_principal = graph_principal.context("Microsoft Graph has no service principal in this directory")?;
        let of_api = Consent {
            client: &api_principal,
            resource: &graph_principal,
            scopes: &["User.Read"],
            description: "consent for everyone to the API, for Microsoft Graph".to_owned(),
        };
        if !self.consent {
            // Whoever may not read consents may not give them either.
            if !of_api.is_given(graph).await.unwrap_or_default() {
                graph.session.report(&format!(
                    "Each person is asked for consent once. An administrator with the role Cloud Application Administrator, \
                     Application Administrator or Privileged Role Administrator can consent for everyone: with this \
                     command and --consent, or at\n    {}",
                    self.consent_url(cloud, &graph.token.tenant, &api.client_id)
                ))?;
            }
            return Ok(());
        }
        of_api.ensure(graph).await?;
        let Some(client) = &app_principal else { return Ok(()) };
        let of_app = |resource, scopes, name| Consent {
            client,
            resource,
            scopes,
            description: format!("consent for everyone to the sign-in app, for {name}"),
        };
        of_app(&api_principal, &[SCOPE], "the API").ensure(graph).await?;
        of_app(&graph_principal, &["openid", "profile"], "Microsoft Graph").ensure(graph).await
    }

    /// Where an administrator consents for everyone.
    fn consent_url(&self, cloud: &Cloud, tenant: &str, client_id: &str) -> String {
        let scope = format!("{}/User.Read", cloud.graph());
        format!(
            "{}/{tenant}/v2.0/adminconsent?client_id={client_id}&scope={}&redirect_uri={}",
            cloud.authority(),
            percent_encoded(&scope),
            percent_encoded(&self.redirect_uri())
        )
    }
}

/// A value in the query of an address.
fn percent_encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}
