//! Consent for everyone in the directory: <https://learn.microsoft.com/graph/api/resources/oauth2permissiongrant>.

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    refusal::Purpose,
    service_principal::ServicePrincipal,
    session::{Change, Service},
};

/// Permissions of a resource that a client may use on behalf of everyone.
pub(crate) struct Consent<'a> {
    pub(crate) client: &'a ServicePrincipal,
    pub(crate) resource: &'a ServicePrincipal,
    pub(crate) scopes: &'a [&'a str],
    /// What the report calls it.
    pub(crate) description: String,
}

impl Consent<'_> {
    /// Gives what is missing, by at most one request. Other scopes stay.
    pub(crate) async fn ensure(&self, graph: &Service<'_>) -> Result<()> {
        let present = self.present(graph).await?;
        let own = present.as_ref().map(scopes).unwrap_or_default();
        let missing: Vec<&str> = self.scopes.iter().copied().filter(|scope| !own.contains(scope)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let lines = vec![format!("+ {}: {}", self.description, missing.join(" "))];
        let all = [own, missing].concat().join(" ");
        let change = match present.as_ref().and_then(|grant| grant.get("id")?.as_str()) {
            Some(id) => Change {
                method: "PATCH",
                path: format!("/oauth2PermissionGrants/{id}"),
                body: Some(json!({"scope": all})),
                lines,
                ..Change::default()
            },
            None => Change {
                method: "POST",
                path: "/oauth2PermissionGrants".to_owned(),
                body: Some(json!({
                    "clientId": self.client.id,
                    "consentType": "AllPrincipals",
                    "resourceId": self.resource.id,
                    "scope": all,
                })),
                lines,
                is_about_new: self.client.is_new || self.resource.is_new,
                ..Change::default()
            },
        };
        graph.change(Purpose::Consent, change).await.map(drop)
    }

    /// Whether all of it was given.
    pub(crate) async fn is_given(&self, graph: &Service<'_>) -> Result<bool> {
        let present = self.present(graph).await?;
        let own = present.as_ref().map(scopes).unwrap_or_default();
        Ok(self.scopes.iter().all(|scope| own.contains(scope)))
    }

    async fn present(&self, graph: &Service<'_>) -> Result<Option<Value>> {
        if self.client.is_new || self.resource.is_new {
            return Ok(None);
        }
        let filter = format!(
            "clientId eq '{}' and resourceId eq '{}' and consentType eq 'AllPrincipals'",
            self.client.id, self.resource.id
        );
        let path = format!("/oauth2PermissionGrants?$filter={}", filter.replace(' ', "%20"));
        Ok(graph.list(Purpose::Consent, &path).await?.into_iter().next())
    }
}

fn scopes(grant: &Value) -> Vec<&str> {
    grant.get("scope").and_then(Value::as_str).unwrap_or_default().split_whitespace().collect()
}
