//! The two app registrations.

use anyhow::Result;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Register, Registered, scope::Scope};
use crate::registration::{
    application::{Application, required_access},
    session::Service,
};

/// Microsoft Graph, in every directory.
pub(super) const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
/// Its delegated permission `User.Read`.
const USER_READ: &str = "e1fe6dd8-ba31-4d61-89e7-88639da4683d";
/// Its delegated permission `openid`.
const OPENID: &str = "37f7f235-527c-4136-accd-4a02d197296e";
/// Its delegated permission `profile`.
const PROFILE: &str = "14dad69e-099b-42c9-810b-d002981feec1";
/// The Azure CLI, in every directory.
const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

impl Register {
    pub(super) async fn register_applications(&self, graph: &Service<'_>) -> Result<Registered> {
        let api_name = self.api_name();
        let basis = self.api_basis(&Scope::new(&api_name));
        let mut api = Application::find_or_create(graph, &api_name, &self.new_application("API", basis)).await?;
        let scope = Scope::of(&api, &api_name);
        // A scope must exist before a client is authorized for it.
        api.ensure(graph, &self.api_basis(&scope)).await?;
        let app = match self.no_app {
            true => None,
            false => Some(self.register_app(graph, &api, &scope).await?),
        };
        api.ensure(graph, &self.api_clients(&api, app.as_ref(), &scope)).await?;
        Ok(Registered { api, app })
    }

    async fn register_app(&self, graph: &Service<'_>, api: &Application, scope: &Scope) -> Result<Application> {
        let app_url = self.app_url();
        let basis = json!({
            "web": {"redirectUris": [format!("{app_url}/signin-callback"), format!("{app_url}/signed-out")]},
            "requiredResourceAccess": [
                required_access(&api.client_id, &[&scope.id]),
                required_access(GRAPH, &[OPENID, PROFILE]),
            ],
        });
        let new = self.new_application("sign-in app", basis.clone());
        let mut app = Application::find_or_create(graph, &self.app_name(), &new).await?;
        app.ensure(graph, &basis).await?;
        Ok(app)
    }

    /// `basis`, and what is set only when an application is created.
    fn new_application(&self, what: &str, mut basis: Value) -> Value {
        if let Some(members) = basis.as_object_mut() {
            members.insert("displayName".to_owned(), format!("{} {what}", self.name).into());
            members.insert("signInAudience".to_owned(), "AzureADMyOrg".into());
        }
        basis
    }

    /// What the API has from the start.
    fn api_basis(&self, scope: &Scope) -> Value {
        json!({
            "api": {"requestedAccessTokenVersion": 2, "oauth2PermissionScopes": [scope.wanted]},
            // Whether the client understands claims challenges, and whether the token is an application's own.
            "optionalClaims": {"accessToken": [{"name": "xms_cc"}, {"name": "idtyp"}]},
            "requiredResourceAccess": [required_access(GRAPH, &[USER_READ])],
            "web": {"redirectUris": [self.redirect_uri()]},
        })
    }

    /// What can be said only when the API has a client id and its scope, and its clients have ids.
    fn api_clients(&self, api: &Application, app: Option<&Application>, scope: &Scope) -> Value {
        let clients = [AZURE_CLI.to_owned()].into_iter().chain(self.clients.iter().map(Uuid::to_string));
        let authorized: Vec<Value> =
            clients.map(|client| json!({"appId": client, "delegatedPermissionIds": [scope.id]})).collect();
        let known: Vec<&str> = app.map(|app| app.client_id.as_str()).into_iter().collect();
        json!({
            "identifierUris": [format!("api://{}", api.client_id)],
            "api": {"preAuthorizedApplications": authorized, "knownClientApplications": known},
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{
        commands::{Arguments, Command},
        workspace,
    };

    /// All texts in a value.
    fn texts(value: &Value) -> Vec<&str> {
        match value {
            Value::String(text) => vec![text],
            Value::Array(elements) => elements.iter().flat_map(texts).collect(),
            Value::Object(members) => members.values().flat_map(texts).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn the_template_in_bicep_registers_the_same() {
        let arguments = Arguments::try_parse_from(["cargo dev", "register", "--redirect-uri", "https://a/"]).unwrap();
        let Command::Register(register) = arguments.command else { panic!("another command") };
        let template = std::fs::read_to_string(workspace::root().join("deploy/bicep/main.bicep")).unwrap();
        let scope = Scope::new(&register.api_name());
        let basis = register.api_basis(&scope);
        let own = [scope.id.as_str(), "https://a/"];
        let others = [OPENID, PROFILE, AZURE_CLI, "AzureADMyOrg", "${appUrl}/signin-callback", "${appUrl}/signed-out"];
        for text in texts(&basis).into_iter().filter(|text| !own.contains(text)).chain(others) {
            assert!(template.contains(&format!("'{text}'")), "{text}");
        }
        // The id of the scope is made in the same way.
        assert!(template.contains("var scopeId = guid('${name}-api')"));
        assert!(template.contains("requestedAccessTokenVersion: 2"));
    }
}
