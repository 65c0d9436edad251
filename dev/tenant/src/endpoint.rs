//! The services and their endpoints.

use serde::{Deserialize, Serialize};

/// One of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// The Entra login host.
    Entra,
    /// Microsoft Graph.
    Graph,
    /// The key vault.
    KeyVault,
    /// The platform on which the application runs: managed identities and the cluster's token issuer.
    Platform,
}

/// The purpose of a request; faults are set for one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `/{tenant}[/v2.0]/.well-known/openid-configuration`
    OpenIdConfiguration,
    /// `/{tenant}/discovery[/v2.0]/keys`
    KeySet,
    /// `/common/discovery/instance`
    InstanceDiscovery,
    /// `/{tenant}/oauth2/v2.0/authorize`, and `/{tenant}/login`, to which its pages post
    Authorize,
    /// `/{tenant}/v2.0/adminconsent`
    AdminConsent,
    /// `/{tenant}/oauth2/v2.0/logout`
    Logout,
    /// `/{tenant}/oauth2/v2.0/token` with any grant but `client_credentials`
    Token,
    /// `/{tenant}/oauth2/v2.0/token` with the grant `client_credentials`
    ClientCredentials,
    /// `/v1.0/me`
    GraphMe,
    /// `/v1.0/me/photo/$value`
    GraphPhoto,
    /// `/v1.0/applications` and what is below, and `/v1.0/directory/deletedItems/{id}`
    GraphApplications,
    /// `/v1.0/servicePrincipals` and what is below
    GraphServicePrincipals,
    /// `/v1.0/oauth2PermissionGrants` and what is below
    GraphPermissionGrants,
    /// `/secrets/{name}[/{version}]`
    VaultSecret,
    /// `/msi/token` and `/metadata/identity/oauth2/token`
    ManagedIdentity,
    /// The cluster's metadata and keys.
    ClusterIssuer,
    /// The emulator's own pages and management interface.
    Emulator,
    /// Anything else.
    Unknown,
}
