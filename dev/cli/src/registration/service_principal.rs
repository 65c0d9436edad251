//! Service principals: an application in a directory.
//! <https://learn.microsoft.com/graph/api/serviceprincipal-upsert>

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{
    application::Application,
    refusal::Purpose,
    session::{Change, Service},
};

/// The object id of a service principal, and whether this run created it.
#[derive(Clone, Debug)]
pub(crate) struct ServicePrincipal {
    pub(crate) id: String,
    pub(crate) is_new: bool,
}

impl ServicePrincipal {
    /// That of the application with this client id.
    pub(crate) async fn find(graph: &Service<'_>, client_id: &str) -> Result<Option<Self>> {
        let found = graph.get(Purpose::Register, &format!("{}?$select=id", by_client_id(client_id))).await?;
        found.map(|found| Self::of(&found, false)).transpose()
    }

    /// That of `application`, which is created if there is none.
    pub(crate) async fn find_or_create(graph: &Service<'_>, application: &Application, name: &str) -> Result<Self> {
        if application.exists()
            && let Some(found) = Self::find(graph, &application.client_id).await?
        {
            return Ok(found);
        }
        let path = by_client_id(&application.client_id);
        let create = Change {
            method: "PATCH",
            path: path.clone(),
            creates_if_missing: true,
            body: Some(json!({})),
            lines: vec![format!("+ {name} in this directory")],
            is_about_new: application.is_new,
        };
        match graph.change(Purpose::Register, create).await? {
            None => Ok(Self { id: format!("<object id of {name}'s service principal>"), is_new: true }),
            Some(Value::Null) => {
                Self::of(&graph.get_new(Purpose::Register, &format!("{path}?$select=id")).await?, true)
            }
            Some(created) => Self::of(&created, true),
        }
    }

    fn of(properties: &Value, is_new: bool) -> Result<Self> {
        let id = properties.get("id").and_then(Value::as_str);
        let id = id.context("Microsoft Graph described a service principal without id")?.to_owned();
        Ok(Self { id, is_new })
    }
}

fn by_client_id(client_id: &str) -> String {
    format!("/servicePrincipals(appId='{client_id}')")
}
