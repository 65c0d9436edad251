//! The properties of an app registration that its owner sets:
//! <https://learn.microsoft.com/graph/api/resources/application>.

use serde::{Deserialize, Serialize};

/// The manifest, as Graph shows it.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    /// The key that clients chose; it never changes once it is set.
    pub(crate) unique_name: Option<String>,
    pub(crate) display_name: String,
    pub(crate) description: Option<String>,
    pub(crate) notes: Option<String>,
    pub(crate) sign_in_audience: SignInAudience,
    /// Application ID URIs.
    pub(crate) identifier_uris: Vec<String>,
    pub(crate) api: Api,
    pub(crate) web: Web,
    pub(crate) spa: SinglePage,
    pub(crate) required_resource_access: Vec<RequiredResourceAccess>,
    pub(crate) optional_claims: OptionalClaims,
    pub(crate) tags: Vec<String>,
}

/// Which accounts can sign in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SignInAudience {
    /// Those of the own directory.
    #[default]
    #[serde(rename = "AzureADMyOrg")]
    MyOrg,
    /// Those of all directories.
    #[serde(rename = "AzureADMultipleOrgs")]
    MultipleOrgs,
    /// Those of all directories, and personal Microsoft accounts.
    #[serde(rename = "AzureADandPersonalMicrosoftAccount")]
    AndPersonalMicrosoftAccount,
}

/// The application as an API.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Api {
    /// Clients whose consent pages include this API's own permissions.
    pub(crate) known_client_applications: Vec<String>,
    pub(crate) oauth2_permission_scopes: Vec<PermissionScope>,
    /// Clients that need no consent.
    pub(crate) pre_authorized_applications: Vec<PreAuthorizedApplication>,
    /// 1 or 2; `None` means 1.
    pub(crate) requested_access_token_version: Option<u8>,
}

/// A delegated permission that the API offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PermissionScope {
    /// A GUID.
    pub(crate) id: String,
    /// The name in requests and in the claim `scp`.
    pub(crate) value: String,
    #[serde(default)]
    pub(crate) admin_consent_description: Option<String>,
    #[serde(default)]
    pub(crate) admin_consent_display_name: Option<String>,
    #[serde(default = "enabled")]
    pub(crate) is_enabled: bool,
    #[serde(default)]
    pub(crate) r#type: ConsentType,
    #[serde(default)]
    pub(crate) user_consent_description: Option<String>,
    #[serde(default)]
    pub(crate) user_consent_display_name: Option<String>,
}

const fn enabled() -> bool {
    true
}

/// A role that an API offers to applications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AppRole {
    /// A GUID.
    pub(crate) id: String,
    /// The name in the claim `roles`.
    pub(crate) value: String,
}

/// Who can consent to a permission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ConsentType {
    /// Administrators.
    #[default]
    Admin,
    /// Everyone, for themselves.
    User,
}

/// A client that may use permissions of this API without consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PreAuthorizedApplication {
    pub(crate) app_id: String,
    /// The ids of scopes.
    pub(crate) delegated_permission_ids: Vec<String>,
}

/// The application as a web application.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Web {
    pub(crate) home_page_url: Option<String>,
    pub(crate) logout_url: Option<String>,
    pub(crate) redirect_uris: Vec<String>,
}

/// The application as a single-page application.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SinglePage {
    pub(crate) redirect_uris: Vec<String>,
}

/// Permissions of one resource that the application needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RequiredResourceAccess {
    pub(crate) resource_app_id: String,
    pub(crate) resource_access: Vec<ResourceAccess>,
}

/// One permission of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourceAccess {
    pub(crate) id: String,
    pub(crate) r#type: ResourceAccessType,
}

/// The kind of a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ResourceAccessType {
    /// Delegated.
    Scope,
    /// Of the application itself.
    Role,
}

/// Claims that tokens have only on request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct OptionalClaims {
    pub(crate) access_token: Vec<OptionalClaim>,
    pub(crate) id_token: Vec<OptionalClaim>,
    pub(crate) saml2_token: Vec<OptionalClaim>,
}

/// One of these claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OptionalClaim {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) source: Option<String>,
    #[serde(default)]
    pub(crate) essential: bool,
    #[serde(default)]
    pub(crate) additional_properties: Vec<String>,
}

impl Manifest {
    /// The enabled scope of this name, in any letter case.
    pub(crate) fn scope(&self, value: &str) -> Option<&PermissionScope> {
        self.scopes().find(|scope| scope.value.eq_ignore_ascii_case(value))
    }

    /// The enabled scopes.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = &PermissionScope> {
        self.api.oauth2_permission_scopes.iter().filter(|scope| scope.is_enabled)
    }

    /// Whether the application `client_id` needs no consent for `scope`.
    pub(crate) fn pre_authorizes(&self, client_id: &str, scope: &PermissionScope) -> bool {
        self.api.pre_authorized_applications.iter().any(|client| {
            client.app_id.eq_ignore_ascii_case(client_id) && client.delegated_permission_ids.contains(&scope.id)
        })
    }

    /// Whether access tokens for this API have an optional claim.
    pub(crate) fn requests_claim(&self, name: &str) -> bool {
        self.optional_claims.access_token.iter().any(|claim| claim.name == name)
    }

    /// The ids of delegated permissions of a resource that the application needs.
    pub(crate) fn required_scopes(&self, resource_app_id: &str) -> impl Iterator<Item = &str> {
        let of_resource = |access: &&RequiredResourceAccess| access.resource_app_id == resource_app_id;
        let resources: Vec<&RequiredResourceAccess> =
            self.required_resource_access.iter().filter(of_resource).collect();
        resources
            .into_iter()
            .flat_map(|access| &access.resource_access)
            .filter(|access| access.r#type == ResourceAccessType::Scope)
            .map(|access| access.id.as_str())
    }
}
